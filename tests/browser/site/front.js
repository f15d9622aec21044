// What a static front end does: every call is JSON, from another origin, with credentials.
window.call = async (api, method, path, body) => {
  const answer = await fetch(api + path, {
    method,
    mode: "cors",
    credentials: "include",
    headers: { "Content-Type": "application/json", "X-Origin": "client" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : null };
};

// A plain form post needs no preflight: what a hostile page would try.
window.simplePost = async (api, path, body) => {
  try {
    const answer = await fetch(api + path, { method: "POST", credentials: "include", body });
    return answer.status;
  } catch {
    return "unreadable";
  }
};
