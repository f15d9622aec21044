// Takes a pasted JWT apart, here in the browser. Nothing is sent: this file makes no request, and the
// box stands in no form. The words about claims come from the page's <template>, written once.

const MAX = 20_000;
const box = document.getElementById("paste");
const output = document.getElementById("pasted");
const words = document.getElementById("claim-words")?.content;
const decoder = new TextDecoder("utf-8", { fatal: true });

class Unreadable extends Error {}

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// What people copy along with a token: the scheme's name, quotes, line breaks.
function clean(text) {
  return text
    .trim()
    .replace(/^authorization:\s*/i, "")
    .replace(/^bearer\s+/i, "")
    .replace(/^(["'`])(.*)\1$/s, "$2")
    .replace(/\s+/g, "");
}

function split(text) {
  if (text.length > MAX) {
    throw new Unreadable(`This has ${text.length} characters. A JWT that long fits in no header.`);
  }
  const parts = text.split(".");
  if (parts.length === 5) {
    throw new Unreadable(
      "This has five parts: an encrypted token (JWE). Only whoever has the key can read it.",
    );
  }
  if (parts.length !== 3) {
    const count = parts.length === 1 ? "one part" : `${parts.length} parts`;
    throw new Unreadable(`This has ${count}. A JWT has three, with a dot between them.`);
  }
  return parts;
}

function bytes(part, name) {
  const stray = part.match(/[^A-Za-z0-9_-]/u);
  if (stray) {
    const place = stray.index + 1;
    throw new Unreadable(
      `The ${name} has “${stray[0]}” at place ${place}. Base64url has letters, digits, - and _ only.`,
    );
  }
  if (part.length % 4 === 1) {
    throw new Unreadable(`The ${name} has a character too many or too few: it was cut somewhere.`);
  }
  const text = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function read(part, name) {
  if (!part) throw new Unreadable(`The ${name} is empty.`);
  let text;
  try {
    text = decoder.decode(bytes(part, name));
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    throw new Unreadable(`The ${name} decodes to bytes that are no text.`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Unreadable(`The ${name} decodes, but not to JSON.`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Unreadable(`The ${name} is JSON, but not an object with names and values.`);
  }
  return value;
}

const TIMES = new Set(["exp", "nbf", "iat", "auth_time", "updated_at"]);

function shown(name, value) {
  const date = new Date(value * 1000);
  if (TIMES.has(name) && typeof value === "number" && !Number.isNaN(date.valueOf())) {
    const iso = date.toISOString();
    const exact = element("time", { datetime: iso, "data-exact": "" }, date.toUTCString());
    const countdown = element("time", { datetime: iso, "data-countdown": "" });
    return [exact, ", ", countdown, ` (${value})`];
  }
  return [typeof value === "string" ? value : JSON.stringify(value)];
}

function claim(kind, name, value) {
  const known = words?.querySelector(`[data-claim="${kind}.${CSS.escape(name)}"]`);
  const term = element("dt", {}, element("code", {}, name));
  if (known) term.append(` ${known.dataset.title}`);
  const meaning = known ? known.textContent : "A name of the issuer’s own. Ask them what it means.";
  return element(
    "div",
    {},
    term,
    element("dd", { class: "value", dir: "auto" }, ...shown(name, value)),
    element("dd", { class: "muted" }, meaning),
  );
}

function section(kind, title, values) {
  const rows = Object.entries(values).map(([name, value]) => claim(kind, name, value));
  const list = rows.length
    ? element("dl", { class: `claims part ${kind}` }, ...rows)
    : element("p", { class: "muted" }, "Empty.");
  return element("section", { class: "stack" }, element("h3", { class: `tab part ${kind}` }, title), list);
}

function encoded(parts) {
  const kinds = ["header", "payload", "signature"];
  const spans = parts.map((part, index) => element("span", { class: `part ${kinds[index]}` }, part));
  return element("p", { class: "token", dir: "ltr" }, spans[0], ".", spans[1], ".", spans[2]);
}

function warning(header, signature) {
  if (String(header.alg).toLowerCase() === "none" || !signature) {
    return "This token is not signed: anybody can write one like it. A server must refuse it.";
  }
  return "The signature was not checked: that needs the key, and the key is not here.";
}

function explain(text) {
  const parts = split(text);
  const header = read(parts[0], "header");
  const payload = read(parts[1], "payload");
  bytes(parts[2], "signature");
  output.append(
    encoded(parts),
    section("header", "Header", header),
    section("payload", "Payload", payload),
    element("p", { class: "muted" }, warning(header, parts[2])),
  );
  output.dispatchEvent(new Event("times-added", { bubbles: true }));
}

function refuse(sentence) {
  box.setAttribute("aria-invalid", "true");
  document.getElementById("paste-error").textContent = sentence;
}

function update() {
  const text = clean(box.value);
  output.replaceChildren();
  box.removeAttribute("aria-invalid");
  document.getElementById("paste-error").textContent = "";
  if (!text) return;
  try {
    explain(text);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    refuse(error.message);
  }
}

box.addEventListener("input", update);
update(); // the browser may have kept the text over a reload
