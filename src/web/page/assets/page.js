// Keeps the page fresh without losing place: fetches the page again and takes over what differs, so that what is open,
// focused, selected or scrolled to stays so. Filters by asking for the filtered page. Without it the page works by its form.
"use strict";

(() => {
  const PERIOD = 10_000; // milliseconds between two refreshes
  const PATIENCE = 15_000; // how long an answer may take
  const TYPING = 200; // how long nothing is typed before it is searched for

  const form = document.getElementById("filter");
  const pause = document.getElementById("pause");
  const stale = document.getElementById("stale");
  const opened = new Set(); // ids of what the user opened, kept while a filter hides it
  let paused = false;
  let request; // the one under way
  let timer;

  /** The page's address for what the form asks. */
  function address() {
    const asked = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
    return asked.length ? "?" + new URLSearchParams(asked) : "./";
  }

  /** Makes a node like another one, and leaves alone what is alike. */
  function take(from, to) {
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
    takeChildren(from, to);
  }

  function takeChildren(from, to) {
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
      // What is moved loses the focus: rather, what stands before it and isn't wanted goes first.
      while (at && at !== known && !at.id) at = remove(at);
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      take(known, next);
    }
    while (at) at = remove(at);
  }

  /** Removes a node; the one after it. */
  function remove(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  async function fetchPage() {
    request?.abort();
    const own = (request = new AbortController());
    const late = setTimeout(() => own.abort(), PATIENCE);
    try {
      const answer = await fetch(address(), { signal: own.signal, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`the exporter answers ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.getElementById("endpoints")) throw new Error("what answers is not the exporter");
      return own === request ? page : undefined;
    } catch (error) {
      if (own !== request) return undefined; // a newer one is under way
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
      // Another build's page may want another script.
      if (page.documentElement.dataset.build !== document.documentElement.dataset.build) return location.reload();
      show(page);
      stale.textContent = "";
    } catch (error) {
      const why = error.name === "AbortError" || error.name === "TypeError" ? "the exporter does not answer" : error.message;
      stale.textContent = `Not up to date: ${why}.`;
    }
    plan();
  }

  /** What the reader looks at: what has the focus, or else the first row or section that begins in the window. */
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
    for (const id of ["written", "main", "about"]) take(document.getElementById(id), page.getElementById(id));
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details && !details.open) details.open = true;
    }
    // What had the focus is gone: its place is where the reader goes on.
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
    if (event.target.name !== "q") return; // `change` tells of the others
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
    true, // it doesn't bubble
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
