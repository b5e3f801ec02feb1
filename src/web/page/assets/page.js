// Refreshes the page in place: fetches it again and patches the differences into the DOM, which preserves open details,
// focus, selection and scroll position. Filters by fetching the filtered page. Without the script, the form works alone.
"use strict";

(() => {
  const PERIOD = 10_000; // milliseconds between refreshes
  const REQUEST_TIMEOUT = 15_000; // milliseconds
  const TYPING = 200; // milliseconds after the last keystroke before filtering

  const form = document.getElementById("filter");
  const pause = document.getElementById("pause");
  const stale = document.getElementById("stale");
  const opened = new Set(); // ids of the details that the user opened, kept while a filter hides them
  let paused = false;
  let request; // the AbortController of the request in progress
  let timer;

  /** The page's URL for the values in the form. */
  function address() {
    const values = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
    return values.length ? "?" + new URLSearchParams(values) : "./";
  }

  /** Patches a node to match another one. Leaves equal subtrees and `data-keep` elements unchanged. */
  function patch(from, to) {
    if (from.isEqualNode(to) || from.dataset?.keep !== undefined) return;
    if (from.nodeType === Node.TEXT_NODE) {
      from.data = to.data;
      return;
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open" && from.localName === "details")) from.removeAttribute(name);
    }
    patchChildren(from, to);
  }

  function patchChildren(from, to) {
    const wanted = new Set([...to.children].map((child) => child.id));
    for (const child of [...from.children]) {
      if (child.id && !wanted.has(child.id)) child.remove();
    }
    const byId = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
    let at = from.firstChild;
    for (const next of to.childNodes) {
      const alike = at && !at.id && !next.id && at.nodeName === next.nodeName ? at : undefined;
      const known = next.id ? byId.get(next.id) : alike;
      if (!known) {
        from.insertBefore(document.importNode(next, true), at);
        continue;
      }
      // Moving a node drops its focus. Removing the nodes without an id before it often makes the move unnecessary.
      while (at && at !== known && !at.id) at = remove(at);
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      patch(known, next);
    }
    while (at) at = remove(at);
  }

  /** Removes a node and returns its next sibling. */
  function remove(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  async function fetchPage() {
    request?.abort();
    const own = (request = new AbortController());
    const late = setTimeout(() => own.abort(), REQUEST_TIMEOUT);
    try {
      const answer = await fetch(address(), { signal: own.signal, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`the exporter answers ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.getElementById("endpoints")) throw new Error("what answers is not the exporter");
      return own === request ? page : undefined;
    } catch (error) {
      if (own !== request) return undefined; // a newer request is in progress
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      const page = await fetchPage();
      if (!page) return;
      // The page of another build may need another script.
      if (page.documentElement.dataset.build !== document.documentElement.dataset.build) return location.reload();
      show(page);
      stale.textContent = "";
    } catch (error) {
      const why = error.name === "AbortError" || error.name === "TypeError" ? "the exporter does not answer" : error.message;
      stale.textContent = `Not up to date: ${why}.`;
    }
    plan();
  }

  /** The scroll anchor: the focused element if visible, otherwise the first section or row that starts in the viewport. */
  function landmark() {
    const focused = document.activeElement;
    const inside = (element) => {
      const { top } = element.getBoundingClientRect();
      return top >= 0 && top < innerHeight;
    };
    if (focused?.closest("main") && inside(focused)) return focused;
    return [...document.querySelectorAll("main section, main tr[id]")].find(inside);
  }

  function show(page) {
    const focused = document.activeElement;
    const seen = scrollY > 0 ? landmark() : undefined;
    const top = seen?.getBoundingClientRect().top;
    document.title = page.title;
    for (const id of ["written", "main", "about"]) patch(document.getElementById(id), page.getElementById(id));
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details && !details.open) details.open = true;
    }
    // The focused element was removed: focus the endpoints section, so that keyboard users continue there.
    if (focused && focused !== document.body && !focused.isConnected) {
      document.getElementById("endpoints").focus({ preventScroll: true });
    }
    if (seen?.isConnected) scrollBy(0, seen.getBoundingClientRect().top - top);
  }

  function plan() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(refresh, PERIOD);
  }

  function filter() {
    history.replaceState(null, "", address());
    refresh();
  }

  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  form.addEventListener("input", (event) => {
    if (event.target.name !== "q") return; // the other fields fire `change`
    clearTimeout(timer);
    timer = setTimeout(filter, TYPING);
  });
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.localName !== "details") return;
      if (target.open) opened.add(target.id);
      else if (target.isConnected) opened.delete(target.id);
    },
    true, // capture, because `toggle` doesn't bubble
  );
  document.addEventListener("visibilitychange", () => (document.hidden || paused ? plan() : refresh()));
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) plan();
    else refresh();
  });

  document.documentElement.classList.add("live");
  pause.hidden = false;
  document.getElementById("apply").hidden = true;
  plan();
})();
