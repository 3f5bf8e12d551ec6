"""Words in column names that announce personal data, and given names that tell a column of people without such a name."""

# Read as: a column with one of these words, or with these words joined, announces the kind with that confidence.
_ANNOUNCED = """
email 0.7 | email mail emailaddress
phone 0.7 | phone telephone telefon mobile handy fax phonenumber telephonenumber tel
person_name 0.7 | firstname lastname surname givenname forename fullname middlename maidenname nachname vorname familyname
person_name 0.6 | patientname customername employeename contactname membername passengername mothersmaiden maiden
person_name 0.55 | salesperson salesrep rep employee nurse doctor physician teacher author cardholder passenger beneficiary
street_address 0.7 | street streetaddress address addressline strasse straße homeaddress mailingaddress
date_of_birth 0.8 | birthdate birthday dob dateofbirth geburtsdatum birth born
national_id 0.75 | ssn socialsecurity nationalid nationalidnumber passport passportnumber taxid nino personnummer
national_id 0.75 | aadhaar driverlicense
credit_card 0.6 | creditcard cardnumber ccnumber pan
card_security 0.8 | cvv cvv2 cvc
iban 0.7 | iban bankaccount accountiban
ip_address 0.6 | ip ipaddress clientip remoteaddr
username 0.6 | username login userlogin loginname
password 0.8 | password passwort pwd passwd pin
gender 0.6 | gender sex geschlecht
age 0.55 | age alter
postcode 0.6 | zip zipcode postcode postalcode plz
location 0.55 | city town state province county hometown municipality country residence birthplace suburb village
title 0.55 | title salutation honorific anrede
"""
ANNOUNCED: tuple[tuple[str, float, frozenset[str]], ...] = tuple(
    (head.split()[0], float(head.split()[1]), frozenset(words.split()))
    for head, _, words in (line.partition("|") for line in _ANNOUNCED.strip().splitlines())
)

_GIVEN = """
james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald
steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric
jonathan stephen larry justin scott brandon benjamin samuel gregory alexander frank patrick raymond jack dennis jerry
tyler aaron jose adam nathan henry mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy
betty margaret sandra ashley kimberly emily donna michelle carol amanda dorothy melissa deborah stephanie rebecca sharon
laura cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine christine debra rachel
carolyn janet catherine maria heather diane ruth julie olivia joyce virginia victoria kelly lauren christina joan evelyn
judith megan andrea cheryl hannah jacqueline martha gloria teresa ann sara hans peter wolfgang klaus jürgen juergen
dieter manfred uwe günter helmut stefan andreas jan felix lukas jonas leon finn maximilian ursula monika petra sabine
renate helga ingrid claudia birgit heike susanne anja katrin julia lena lea mia sophie marie johanna greta pierre jean
michel philippe alain nicolas christophe laurent julien antoine françois francois louis hugo camille nathalie isabelle
sylvie valérie sandrine céline chloé manon juan carlos luis antonio francisco manuel pedro jesus javier miguel rafael
fernando diego pablo sergio alejandro carmen isabel ana lucia pilar rosa elena marta cristina paula sofia giuseppe
giovanni mario luigi marco alessandro francesco lorenzo matteo giulia chiara francesca sofía valentina lars erik anders
nils johan karl gustav olof astrid ingeborg kari bjorn björn magnus piotr krzysztof andrzej tomasz pawel paweł jakub
agnieszka katarzyna malgorzata ewa zofia ivan dmitri sergei sergey alexei vladimir olga natalia tatiana svetlana irina
ahmed mohamed mohammed muhammad ali hassan omar fatima aisha khadija yusuf ibrahim mustafa mehmet ayse wei li ming yan
jing hiroshi takashi kenji yuki sakura raj rahul priya amit anil sunita deepak sanjay pooja oliver harry charlie oscar
isla ava grace poppy freya noah liam lucas mason ethan logan chloe zoe ella
"""
GIVEN_NAMES = frozenset(_GIVEN.split())
_HONORIFICS = """
mr mrs ms miss mx dr prof herr frau sir madam mister m mme mlle sr sra
"""
_GENDERS = """
male female m f w man woman männlich weiblich divers nonbinary non-binary other unknown
"""
HONORIFICS = frozenset(_HONORIFICS.split())
GENDERS = frozenset(_GENDERS.split())
# Words that say how a place is written: a StateFull and a country_code are a state and a country.
WRITTEN = frozenset({"full", "name", "code", "abbr", "abbreviation", "short", "long", "iso", "iso2", "iso3"})
QUASI = frozenset({"gender", "age", "postcode", "location", "title"})
GRAVE = frozenset({"credit_card", "card_security", "national_id", "password", "iban"})
WORDS: dict[str, str] = {
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "person_name": "names of people",
    "street_address": "street addresses",
    "date_of_birth": "dates of birth",
    "national_id": "national identity numbers",
    "credit_card": "payment card numbers",
    "card_security": "card security codes",
    "iban": "bank account numbers (IBAN)",
    "ip_address": "IP addresses",
    "mac_address": "network card addresses",
    "username": "user names",
    "password": "passwords",
    "gender": "the gender of people",
    "age": "the age of people",
    "postcode": "postcodes of people",
    "location": "where people live",
    "title": "titles of people",
}
