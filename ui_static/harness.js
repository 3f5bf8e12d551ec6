// What pages do beyond HTML: copy a hash, keep the window's title true, announce now and then, pause live updates.
const ANNOUNCE_EVERY_MS = 10000;
const REOPEN_MS = 1000;
let announcedAt = 0;
let announced = "";
let waiting = null;

function announce(text) {
  if (!text || text === announced) return;
  clearTimeout(waiting);
  const wait = Math.max(0, announcedAt + ANNOUNCE_EVERY_MS - Date.now());
  waiting = setTimeout(() => {
    announced = text;
    announcedAt = Date.now();
    document.getElementById("announcer").textContent = text;
  }, wait);
}

function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button.copy[hidden]")) button.hidden = false;
}

function takeState() {
  const state = document.getElementById("run-state");
  if (!state) return;
  document.title = state.dataset.title;
  announce(state.dataset.announce);
}

function showPause() {
  const pause = document.getElementById("pause-live");
  if (pause) pause.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches(".copy")) {
    await navigator.clipboard.writeText(button.dataset.copy);
    announced = "";
    announcedAt = 0;
    announce("Copied");
  } else if (button.id === "pause-live") {
    if (paused) location.reload();
    paused = true;
    button.textContent = "Show what is new and go on";
  }
});

// A question that has its own page is asked in a dialog where that can be; without this the link leads to the page.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-ask]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const dialog = document.createElement("dialog");
    const heading = page.querySelector("h1");
    heading.id = "question";
    dialog.setAttribute("aria-labelledby", heading.id);
    const card = page.querySelector("main .card");
    card.classList.remove("card", "narrow");
    dialog.append(heading, card);
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    dialog.querySelector("a.button")?.addEventListener("click", (leave) => { leave.preventDefault(); dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  } catch {
    location.assign(link.href);
  }
});

let paused = false;
document.addEventListener("htmx:sse:before:message", (event) => {
  if (paused && event.detail.message.event !== "end") event.preventDefault();
});

// htmx opens a page's stream again when it breaks, but asks only once at first; a service that restarts just then must not end it.
let connected = false;
document.addEventListener("htmx:sse:after:connection", () => { connected = true; });
for (const failure of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failure, (event) => {
    const live = event.target instanceof Element && event.target.closest(".live");
    if (live && !connected) setTimeout(() => live.dispatchEvent(new Event("reopen")), REOPEN_MS);
  });
}

document.addEventListener("htmx:sse:after:message", () => {
  showCopyButtons(document);
  takeState();
  showPause();
});

document.addEventListener("DOMContentLoaded", () => {
  showCopyButtons(document);
  showPause();
});

// Single keys, where nothing is being typed; a switch under Help turns them off.
const PLACES = { o: "/", r: "/runs", d: "/datasets", m: "/presets", p: "/plugins" };
const offKey = "shortcuts";
let leading = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(offKey) === "off") return;
  if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  const went = leading && PLACES[event.key];
  leading = event.key === "g";
  if (went) location.assign(went);
  else if (event.key === "?") location.assign("/help");
  else if (event.key === "/") {
    const field = document.querySelector("input[type=search]");
    if (field) { event.preventDefault(); field.focus(); }
  }
});

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("shortcuts");
  if (!box) return;
  document.getElementById("shortcuts-switch").hidden = false;
  box.checked = localStorage.getItem(offKey) !== "off";
  box.addEventListener("change", () => localStorage.setItem(offKey, box.checked ? "on" : "off"));
});
