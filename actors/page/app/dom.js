// Elements without a framework: a view builds a fresh tree with h() and s(), and morph() changes the shown tree into it, so that
// focus, selections and scroll places stay where they were. Texts become text nodes, never HTML.

const svgSpace = 'http://www.w3.org/2000/svg';
const handlers = ['onclick', 'oninput', 'onchange', 'onkeydown', 'onsubmit', 'onpointermove', 'onpointerleave', 'onscroll', 'onclose'];

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'key') node.key = value;
    else if (name === 'after') node.after_ = value;  // called with the shown element, each time it was drawn
    else if (name === 'vars') for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
    else if (name.startsWith('on')) node[name] = value;
    else if (name === 'value') node.wanted = String(value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  append(node, children);
  if (node.wanted !== undefined) node.value = node.wanted;
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false || child === '') continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(svgSpace, tag), props, children);

const fits = (shown, wanted) => shown.nodeType === wanted.nodeType && shown.nodeName === wanted.nodeName && shown.key === wanted.key;

function morphAttributes(shown, wanted) {
  for (const { name } of [...shown.attributes])
    if (name !== 'style' && !wanted.hasAttribute(name) && !(name === 'open' && shown.nodeName === 'DETAILS')) shown.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (name !== 'style' && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  if (shown.style && shown.style.cssText !== wanted.style.cssText) shown.style.cssText = wanted.style.cssText;
  for (const name of handlers) if (shown[name] !== wanted[name]) shown[name] = wanted[name] ?? null;
}

// Elements with keys are found wherever they are. One without goes to the next that fits; what is passed over has gone. So what stays
// is never taken out of the page, which would cost it the focus.
function morphChildren(shown, wanted) {
  const children = [...wanted.childNodes];
  const keys = new Set(children.map((child) => child.key).filter((key) => key !== undefined));
  const keyed = new Map();
  for (const child of [...shown.childNodes]) {
    if (child.key === undefined) continue;
    if (keys.has(child.key)) keyed.set(child.key, child);
    else child.remove();
  }
  let at = shown.firstChild;
  for (const child of children) {
    let match = child.key !== undefined ? keyed.get(child.key) : at;
    if (child.key === undefined) while (match && !fits(match, child)) match = match.nextSibling;
    if (!match || !fits(match, child)) {
      shown.insertBefore(child, at);
      continue;
    }
    if (child.key !== undefined && match !== at) {
      shown.insertBefore(match, at);
    } else {
      while (at !== match) {
        const passed = at;
        at = at.nextSibling;
        if (passed.key === undefined) passed.remove();
        else shown.append(passed);
      }
      at = match.nextSibling;
    }
    morph(match, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

export function morph(shown, wanted) {
  if (shown.nodeType === Node.TEXT_NODE) {
    if (shown.nodeValue !== wanted.nodeValue) shown.nodeValue = wanted.nodeValue;
    return;
  }
  morphAttributes(shown, wanted);
  morphChildren(shown, wanted);
  shown.after_ = wanted.after_;
  if (wanted.wanted === undefined) return;
  // What somebody is typing into is theirs; everything else shows what is wanted.
  const isTyped = shown === document.activeElement && shown.nodeName !== 'SELECT';
  if (!isTyped && shown.value !== wanted.wanted) shown.value = wanted.wanted;
}

// Changes the children of `place` into these.
export function show(place, ...children) {
  const wanted = document.createElement(place.nodeName);
  append(wanted, children);
  morphChildren(place, wanted);
  for (const node of place.querySelectorAll('*')) node.after_?.(node);
}

export function say(text) {
  const place = document.getElementById('say');
  place.textContent = place.textContent === text ? text + '\u00a0' : text;  // the same text twice is to be read twice
}
