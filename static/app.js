// What pages gain where scripts run: copying, countdowns, times in the visitor's own zone, a look at
// the password being typed. Every page works without this file.

const status = document.getElementById("status");

function say(sentence) {
  status.textContent = "";
  // A live region speaks when its text changes; the same text twice is no change.
  requestAnimationFrame(() => (status.textContent = sentence));
}

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on a school network has no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copying is not allowed");
}

async function onCopy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await copy((source.value ?? source.textContent).trim());
    button.textContent = "Copied";
    say("Copied");
  } catch {
    getSelection().selectAllChildren(source);
    say("Your browser does not allow copying. The text is selected: copy it with the keyboard.");
  }
  setTimeout(() => (button.textContent = label), 2000);
}

function onReveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const isHidden = field.type === "password";
  field.type = isHidden ? "text" : "password";
  button.firstElementChild.textContent = isHidden ? "Hide" : "Show";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-reveal]");
  if (!button) return;
  if ("copy" in button.dataset) onCopy(button);
  else onReveal(button);
});

// A form that leaves with a password showing would let the browser keep it as plain text.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-reveal]")) {
    if (document.getElementById(button.dataset.reveal).type === "text") onReveal(button);
  }
});

// A file that would be refused for its size is not sent at all.
document.addEventListener("change", ({ target }) => {
  const limit = Number(target.dataset.maxBytes);
  if (!limit) return;
  const isTooLarge = [...target.files].some((file) => file.size > limit);
  const megabytes = limit / 2 ** 20;
  target.setCustomValidity(
    isTooLarge ? `This file is larger than ${megabytes} MB. Choose a smaller one.` : "",
  );
  if (isTooLarge) target.reportValidity();
});

const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium" });
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function localise(root) {
  for (const time of root.querySelectorAll("time[data-exact]")) {
    const utc = time.textContent;
    time.textContent = `${local.format(new Date(time.dateTime))} (${zone})`;
    time.title = utc;
    time.dataset.local = "";
    delete time.dataset.exact;
  }
  for (const time of root.querySelectorAll("time[title]")) {
    if (!("local" in time.dataset)) time.title = local.format(new Date(time.dateTime));
    time.dataset.local = "";
  }
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// The two largest units that count: "6 days 3 hours", "14 minutes 5 seconds".
function inWords(seconds) {
  const parts = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (name === "second" && !parts.length)) {
      parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    } else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

function tick() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = (new Date(time.dateTime) - Date.now()) / 1000;
    time.textContent = left > 0 ? `in ${inWords(left)}` : `${inWords(-left)} ago`;
  }
}

function enhance(root) {
  localise(root);
  tick();
}

enhance(document);
// token.js shows times of its own and says so.
document.addEventListener("times-added", (event) => enhance(event.target));
if (document.querySelector("time[data-countdown], [data-token-box]")) setInterval(tick, 1000);
