// Requests to the server that the page came from. A token lives in this tab's session alone.

const tokenKey = 'luthier-token';
const listeners = new Set();

export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  set(value) {
    if (value) sessionStorage.setItem(tokenKey, value);
    else sessionStorage.removeItem(tokenKey);
    for (const listener of listeners) listener('changed');
  },
  listen: (listener) => listeners.add(listener),  // 'needed' and why: a request was refused for want of a good one; 'changed'
};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const sentence = (problem) => [...(problem.loc ?? []).slice(1), problem.msg].join(': ');

// {"detail": text or problems} of the contract, {"error": {"message"}} of OpenAI's clients; the gateway has the one within the other.
function textOf(body) {
  const detail = body.detail ?? body.error?.message ?? body.message;
  if (Array.isArray(detail)) return detail.map(sentence).join('; ');
  if (typeof detail !== 'string') return '';
  if (!detail.startsWith('{')) return detail;
  try {
    return textOf(JSON.parse(detail)) || detail;
  } catch {
    return detail;
  }
}

async function refusalOf(response) {
  let text = '';
  try {
    text = textOf(await response.json());
  } catch { /* no JSON: the status says it */ }
  return new Refused(response.status, text || `the server answered ${response.status}`);
}

export async function ask(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const all = { Accept: 'application/json', ...headers };
  const sent = token.get();
  if (sent) all.Authorization = `Bearer ${sent}`;
  if (body !== undefined) all['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path,
      { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused(0, 'the server cannot be reached');
  }
  if (response.ok) return response;
  const refusal = await refusalOf(response);
  // A late refusal of a token that was replaced meanwhile says nothing about the present one.
  if (response.status === 401 && sent === token.get()) for (const listener of listeners) listener('needed', refusal.message);
  throw refusal;
}

export const json = async (path, options) => (await ask(path, options)).json();

// Path segments from names: `in` "default", 7 …
export const path = (strings, ...values) => strings.reduce((text, part, i) => text + encodeURIComponent(values[i - 1]) + part);
