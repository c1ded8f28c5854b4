// Makes an element like another one by the smallest change, so that focus, scroll position, open
// details, half-written forms and drawn charts stay as they are.

const KEPT = new Set(["open", "data-waits"]); // what belongs to the reader's own page

function key(node) {
  return node.nodeType === 1 && node.id ? node.id : null;
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

function written(form) {
  if (form.contains(document.activeElement)) return true;
  return [...form.elements].some((field) =>
    field.type === "checkbox" ? field.checked !== field.defaultChecked : "defaultValue" in field && field.value !== field.defaultValue);
}

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

export function morph(old, fresh) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName === "FORM" && written(old)) {
    // the words a person is writing stay; the token that goes with them is renewed
    const token = old.querySelector("input[name=csrf]"), next = fresh.querySelector("input[name=csrf]");
    if (token && next) token.value = next.value;
    return;
  }
  if (old.hasAttribute("data-chart") && old.dataset.drawn !== undefined) {
    if (old.querySelector("script").textContent === fresh.querySelector("script")?.textContent) return;
    old.replaceWith(document.adoptNode(fresh));
    return;
  }
  attributes(old, fresh);
  children(old, fresh);
}

function children(old, fresh) {
  const waiting = new Map();
  for (const child of old.children) if (key(child)) waiting.set(key(child), child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = key(next) && waiting.get(key(next));
    if (known && known.nodeName === next.nodeName) {
      if (known !== at) old.insertBefore(known, at);
      else at = at.nextSibling;
      morph(known, next);
    } else if (at && alike(at, next)) {
      const here = at;
      at = at.nextSibling;
      morph(here, next);
    } else {
      const added = document.adoptNode(next);
      old.insertBefore(added, at);
      if (added.nodeName === "TR" || added.nodeName === "LI") added.classList.add("changed");
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}
