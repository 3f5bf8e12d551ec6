// Uploads files in pieces (tus 1.0): hashed piece by piece, with progress, pause, and going on after a reload or a lost server.
const RETRY_MS = 1500;
const RETRIES = 40;

const form = document.getElementById("upload");
const input = document.getElementById("file");
const drop = document.getElementById("drop");
const list = document.getElementById("transfers");
const pauseButton = document.getElementById("upload-pause");
let paused = false;
let goOn = null;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const encoded = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const memory = (file) => `upload:${file.name}:${file.size}:${file.lastModified}`;

class Refused extends Error {}

async function ask(method, url, headers, body) {
  const answer = await fetch(url, { method, headers: { "Tus-Resumable": "1.0.0", ...headers }, body });
  if (answer.ok) return answer;
  let problem = {};
  try { problem = await answer.json(); } catch { /* a HEAD has no body */ }
  const text = [problem.title || `The service answered ${answer.status}.`, problem.next_step].filter(Boolean).join(" ");
  const failure = answer.status >= 500 && answer.status !== 507 ? new Error(text) : new Refused(text);
  failure.status = answer.status;
  throw failure;
}

async function begin(file) {
  const known = localStorage.getItem(memory(file));
  if (known) {
    try {
      const answer = await ask("HEAD", known, {});
      return { url: known, offset: Number(answer.headers.get("Upload-Offset")), id: answer.headers.get("Upload-Id") };
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      localStorage.removeItem(memory(file));
    }
  }
  const name = encoded(new TextEncoder().encode(file.name));
  const answer = await ask("POST", form.dataset.endpoint, { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` });
  const url = answer.headers.get("Location");
  localStorage.setItem(memory(file), url);
  return { url, offset: 0, id: answer.headers.get("Upload-Id") };
}

async function checksum(bytes) {
  if (!crypto.subtle) return {};
  return { "Upload-Checksum": `sha256 ${encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))}` };
}

async function sendPiece(file, place) {
  const bytes = await file.slice(place.offset, place.offset + Number(form.dataset.pieceBytes)).arrayBuffer();
  const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(place.offset), ...(await checksum(bytes)) };
  const answer = await ask("PATCH", place.url, headers, bytes);
  return { ...place, offset: Number(answer.headers.get("Upload-Offset")), id: answer.headers.get("Upload-Id") };
}

async function upload(file, show) {
  let place = null;
  for (let failures = 0; ; ) {
    try {
      place = place || (await begin(file));
      show(place.offset);
      if (place.id) break;
      if (paused) await new Promise((done) => { goOn = done; });
      place = await sendPiece(file, place);
      failures = 0;
    } catch (failure) {
      const again = !(failure instanceof Refused) || failure.status === 409 || failure.status === 423 || failure.status === 460;
      if (!again || ++failures > RETRIES) throw failure;
      place = null; // ask where it stands, then go on from there
      await wait(RETRY_MS);
    }
  }
  localStorage.removeItem(memory(file));
  return place.id;
}

function inUnits(bytes) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) if (bytes >= size) return `${(bytes / size).toPrecision(3)} ${unit}`;
  return `${bytes} bytes`;
}

function inWords(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

// One line per file: its name, how far it is, how fast, how long still.
function line(file, number) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const figures = document.createElement("span");
  const bar = document.createElement("progress");
  name.id = `transfer-${number}`;
  name.textContent = file.name;
  figures.className = "num";
  figures.textContent = inUnits(file.size);
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-labelledby", name.id);
  item.append(name, figures, bar);
  list.append(item);
  let first = null;
  let started = 0;
  return (offset) => {
    if (first === null) { first = offset; started = performance.now(); }
    const seconds = (performance.now() - started) / 1000;
    const rate = seconds > 0.2 ? (offset - first) / seconds : 0;
    bar.value = file.size ? offset / file.size : 1;
    const left = rate > 0 && offset < file.size ? `, ${inUnits(rate)}/s, ${inWords((file.size - offset) / rate)} left` : "";
    const resumed = first > 0 ? ", resumed" : "";
    figures.textContent = offset === file.size ? `${inUnits(file.size)}, done` : `${inUnits(offset)} of ${inUnits(file.size)}${left}${resumed}`;
  };
}

async function uploadAll(files) {
  const error = document.getElementById("upload-error");
  error.hidden = true;
  list.replaceChildren();
  document.getElementById("upload-progress").hidden = false;
  const shows = files.map((file, index) => line(file, index + 1));
  const ids = [];
  try {
    for (const [index, file] of files.entries()) ids.push(await upload(file, shows[index]));
    location.assign("/start?" + ids.map((id) => `upload=${encodeURIComponent(id)}`).join("&"));
  } catch (failure) {
    error.textContent = failure.message;
    error.hidden = false;
    document.getElementById("upload-progress").hidden = true;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const files = Array.from(input.files);
  if (files.length) uploadAll(files);
  else input.focus();
});
pauseButton.addEventListener("click", () => {
  paused = !paused;
  pauseButton.textContent = paused ? "Go on" : "Pause";
  if (!paused && goOn) goOn();
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  input.files = event.dataTransfer.files;
  if (input.files.length) uploadAll(Array.from(input.files));
});
