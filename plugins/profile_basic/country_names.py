"""Countries by English short name and ISO 3166-1 code, in lower case: enough to recognise a column of them."""

_NAMES = """
afghanistan | albania | algeria | andorra | angola | antigua and barbuda | argentina | armenia | australia | austria |
azerbaijan | bahamas | bahrain | bangladesh | barbados | belarus | belgium | belize | benin | bhutan | bolivia | bosnia
and herzegovina | botswana | brazil | brunei | bulgaria | burkina faso | burundi | cambodia | cameroon | canada | cape
verde | central african republic | chad | chile | china | colombia | comoros | congo | costa rica | croatia | cuba |
cyprus | czech republic | czechia | denmark | djibouti | dominica | dominican republic | ecuador | egypt | el salvador |
equatorial guinea | eritrea | estonia | eswatini | ethiopia | fiji | finland | france | gabon | gambia | georgia |
germany | ghana | greece | grenada | guatemala | guinea | guinea-bissau | guyana | haiti | honduras | hong kong |
hungary | iceland | india | indonesia | iran | iraq | ireland | israel | italy | ivory coast | jamaica | japan | jordan
| kazakhstan | kenya | kiribati | kosovo | kuwait | kyrgyzstan | laos | latvia | lebanon | lesotho | liberia | libya |
liechtenstein | lithuania | luxembourg | macao | madagascar | malawi | malaysia | maldives | mali | malta | marshall
islands | mauritania | mauritius | mexico | micronesia | moldova | monaco | mongolia | montenegro | morocco | mozambique
| myanmar | namibia | nauru | nepal | netherlands | new zealand | nicaragua | niger | nigeria | north korea | north
macedonia | norway | oman | pakistan | palau | palestine | panama | papua new guinea | paraguay | peru | philippines |
poland | portugal | puerto rico | qatar | romania | russia | russian federation | rwanda | saint lucia | samoa | san
marino | saudi arabia | senegal | serbia | seychelles | sierra leone | singapore | slovakia | slovenia | solomon islands
| somalia | south africa | south korea | south sudan | spain | sri lanka | sudan | suriname | sweden | switzerland |
syria | taiwan | tajikistan | tanzania | thailand | timor-leste | togo | tonga | trinidad and tobago | tunisia | turkey
| turkmenistan | tuvalu | uganda | uk | ukraine | united arab emirates | united kingdom | united states | united states
of america | uruguay | usa | uzbekistan | vanuatu | vatican city | venezuela | vietnam | yemen | zambia | zimbabwe
"""
_CODES = """
ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca cc cd
cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf
gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn
kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na
nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si
sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi
vn vu wf ws ye yt za zm zw arg aus aut bel bra can che chl chn col cze deu dnk esp est fin fra gbr grc hkg hrv hun idn
ind irl isr ita jpn kor ltu lux lva mex mys nld nor nzl per phl pol prt rou rus sgp svk svn swe tha tur twn ukr usa vnm
zaf
"""
COUNTRY_NAMES = frozenset(" ".join(name.split()) for name in _NAMES.split("|"))
COUNTRY_CODES = frozenset(_CODES.split())
