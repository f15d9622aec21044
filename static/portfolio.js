/**
 * Log in to this server from any static site: docs/portfolio-js.md has a page to copy.
 *
 * The cookie carries the login where the browser returns it, elsewhere a token in memory.
 *
 * @typedef {{ id: string, uid: string, name: string, email: string | null, role: string }} User
 * @typedef {Error & { status?: number, type?: string, retryAfter?: number }} Refusal
 */

const server = new URL(import.meta.url).origin;
let tokens = null; // the server's answer, and when it goes stale
let refreshing = null;

/**
 * Log in, and return who that is. Accounts with a second factor want a code of it as well: without
 * one the refusal's type is "second-factor-needed".
 * @param {string} uid
 * @param {string} password
 * @param {string} [code]
 * @returns {Promise<User>}
 * @throws {Refusal}
 */
export async function login(uid, password, code) {
  if (tokens) await logout();
  // A code holds once. With one, a token comes along, should the cookie not come back.
  const begin = (more) => ask("login", json({ uid, password, ...more }));
  const first = await begin(code && { code, with_token: true });
  if ((await current())?.session.id === first.session.id) {
    if (first.token) await ask("revoke", form({ token: first.token.refresh_token }));
  } else {
    // A token then, and no login left that nobody can use.
    const last = first.token ? first : await begin({ with_token: true });
    keep(last.token);
    for (const { session } of new Set([first, last]))
      await fetch(`/api/v1/auth/sessions/${session.id}`, { method: "DELETE" });
  }
  return first.user;
}

/** Log out, here and on the server. @throws {Refusal} */
export async function logout() {
  try {
    await ask("logout", { method: "POST" });
  } finally {
    tokens = null;
  }
}

/** Return who is logged in, or null. @returns {Promise<User | null>} @throws {Refusal} */
export async function me() {
  return (await current())?.user ?? null;
}

/**
 * The browser's own fetch, on this server and with the login.
 * @param {string} path such as "/api/v1/users/me"
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function fetch(path, options = {}) {
  const url = new URL(path, server);
  if (url.origin !== server) throw new TypeError(`${url} is not on ${server}.`);
  if (tokens && Date.now() > tokens.staleAt) await refresh(tokens);
  const used = tokens;
  const answer = await send(url, options);
  if (answer.status !== 401 || !used) return answer;
  await refresh(used);
  return tokens && tokens !== used ? send(url, options) : answer;
}

function send(url, options) {
  const headers = new Headers(options.headers);
  if (tokens) headers.set("Authorization", `Bearer ${tokens.access_token}`);
  return globalThis.fetch(url, { ...options, headers, credentials: tokens ? "omit" : "include" });
}

// However many calls find it stale, it is traded once.
function refresh(stale) {
  if (tokens === stale) refreshing ??= trade(stale).finally(() => (refreshing = null));
  return refreshing;
}

async function trade(stale) {
  const body = json({ refresh_token: stale.refresh_token });
  const answer = await globalThis.fetch(`${server}/api/v1/auth/refresh`, body);
  if (tokens !== stale) return; // logged out meanwhile
  if (answer.ok) keep(await answer.json());
  else if (answer.status === 401) tokens = null;
}

function keep(token) {
  // Half a minute early, so that none expires on its way.
  tokens = { ...token, staleAt: Date.now() + (token.expires_in - 30) * 1000 };
}

function current() {
  return ask("session").catch((error) => {
    if (error.status !== 401) throw error;
  });
}

function json(value) {
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(value) };
}

function form(fields) {
  return { method: "POST", body: new URLSearchParams(fields) };
}

async function ask(name, options) {
  const answer = await fetch(`/api/v1/auth/${name}`, options).catch((cause) => {
    const more = `portfolio doctor --origin ${location.origin}`;
    throw new Error(`${server} is down, or its CORS_ORIGINS lacks this page: ${more}`, { cause });
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const { title, detail, type } = await answer.json().catch(() => ({}));
  const error = new Error(detail ?? title ?? `Status ${answer.status}.`);
  const retryAfter = Number(answer.headers.get("Retry-After")) || undefined;
  throw Object.assign(error, { status: answer.status, type: type?.split("#")[1], retryAfter });
}
