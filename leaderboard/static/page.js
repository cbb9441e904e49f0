"use strict";
// The page in the browser: addresses go out, views come in, figures are drawn. Nothing here asks any other machine.
const breadth = (() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const KEPT = "breadth-mode";
  const TYPING = 250;
  const drawn = new Map();
  let trigger = null;
  let waiting = null;
  let asked = location.search.slice(1);
  let shown = null;
  let timer = 0;
  let turn = 0;

  // --- Light and dark: the system's word until the reader has one of their own.
  const kept = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };
  const mode = () => kept() || (system.matches ? "dark" : "light");
  const applyMode = () => {
    const now = mode();
    root.dataset.mode = now;
    if (document.body) document.body.classList.toggle("dark", now === "dark");
    for (const button of document.querySelectorAll("[data-mode-switch]")) {
      button.textContent = now === "dark" ? "light" : "dark";
      button.setAttribute("aria-pressed", String(now === "dark"));
    }
  };
  // On a phone the controls are out of the way until they are asked for.
  const sayFilters = () => {
    const open = root.dataset.filters === "open";
    for (const button of document.querySelectorAll("button[data-filters]")) {
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? "filters ▴" : "filters ▾";
    }
  };
  const switchFilters = () => {
    if (root.dataset.filters) delete root.dataset.filters; else root.dataset.filters = "open";
    sayFilters();
  };
  const switchMode = () => {
    try { localStorage.setItem(KEPT, mode() === "dark" ? "light" : "dark"); } catch { /* a page without storage follows the system */ }
    applyMode();
    drawAll();
  };

  // --- Figures: drawn where they are seen, and left alone where nothing about them changed.
  const whenDrawing = () => (typeof Plotly === "undefined"
    ? new Promise((resolve) => document.querySelector("script[src*='plotly.js']").addEventListener("load", resolve))
    : Promise.resolve());
  // A point whose `customdata` is an address of this page leads there.
  const leads = (place) => {
    if (place.dataset.leads) return;
    place.dataset.leads = "yes";
    place.on("plotly_click", ({ points }) => {
      const to = points[0] && points[0].customdata;
      if (typeof to === "string" && to.startsWith("?") && trigger) go(to.slice(1));
    });
  };
  // The table is seen before the figures take their time; a hidden page is never painted, and need not wait.
  const painted = () => (document.hidden ? Promise.resolve()
    : new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  const drawAll = async () => {
    await whenDrawing();
    await painted();
    const now = mode();
    await Promise.all([...drawn].filter(([place]) => place.isConnected).map(([place, figure]) => breadthDrawing.draw(place, figure, now).then(leads)));
    for (const place of [...drawn.keys()]) if (!place.isConnected) drawn.delete(place);
    const body = document.getElementById("breadth-body") || document.querySelector("#breadth-early [data-part=body]");
    if (body) body.dataset.drawn = shown ? shown.query : "";
  };

  // --- Views: what has come replaces what is there; figures that are the same stay as they are.
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const placeOf = (part) => document.getElementById(`breadth-${part}`) || document.querySelector(`#breadth-early [data-part=${part}]`);
  const show = (payload) => {
    const body = placeOf("body");
    const head = placeOf("head");
    if (!body || !head) return;
    const focus = document.activeElement && body.contains(document.activeElement) ? whereIs(document.activeElement) : null;
    const before = new Map([...drawn].filter(([place]) => body.contains(place)).map(([place, figure]) => [place.id, [place, figure]]));
    const scrolled = new Map([...body.querySelectorAll(".scroll")].map((box, at) => [at, box.scrollLeft]));
    const open = new Set([...body.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
    if (head.dataset.html !== payload.head) { head.innerHTML = payload.head; head.dataset.html = payload.head; }
    const next = document.createElement("div");
    next.innerHTML = payload.body;
    for (const [identifier, figure] of Object.entries(payload.figures)) {
      const place = next.querySelector(`#${identifier}`);
      const old = before.get(identifier);
      if (old && same(old[1], figure)) { place.replaceWith(old[0]); continue; }
      drawn.set(place, figure);
    }
    // What a reader has begun to fill in is the reader's.
    const filled = body.querySelector("form[data-submission]");
    if (filled) next.querySelector("form[data-submission]")?.replaceWith(filled);
    body.replaceChildren(...next.childNodes);
    for (const [at, box] of [...body.querySelectorAll(".scroll")].entries()) box.scrollLeft = scrolled.get(at) || 0;
    for (const summary of body.querySelectorAll("details > summary")) if (open.has(summary.textContent)) summary.parentElement.open = true;
    if (focus) body.querySelector(focus)?.focus({ preventScroll: true });
    shown = payload;
    document.title = payload.title;
    body.dataset.ready = payload.query;
    body.removeAttribute("aria-busy");
    applyMode();
    sayFilters();
    saySearch();
    bringTab();
    sayAge();
    drawAll();
    document.dispatchEvent(new Event("breadth:shown"));
  };
  const whereIs = (element) => {
    const link = element.getAttribute("href");
    const column = element.closest("th")?.dataset.column;
    const table = element.closest("table")?.id;
    if (column && table) return `#${CSS.escape(table)} th[data-column="${CSS.escape(column)}"] a`;
    return link ? `a[href="${CSS.escape(link)}"]` : null;
  };

  // On a phone the tabs are a strip; the open one must be in sight.
  const bringTab = () => {
    const tabs = document.querySelector(".breadth .tabs");
    const open = tabs && tabs.querySelector("[aria-current]");
    if (open) tabs.scrollLeft = open.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - open.offsetWidth) / 2;
  };

  // --- The age of the data, counted on while the page stays open.
  const sayAge = () => {
    for (const time of document.querySelectorAll(".age time")) {
      const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
      if (Number.isNaN(minutes)) continue;
      time.title = time.dateTime;
      time.textContent = minutes < 1 ? "just now" : minutes < 60 ? `${minutes} min ago`
        : minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
    }
  };

  // --- Addresses: the URL is the one state; every change goes through here.
  const tellParent = () => {
    // A Space lives in a frame; this is how the address bar around it learns of the view.
    if (window.parent !== window) window.parent.postMessage({ queryString: asked, hash: "" }, "https://huggingface.co");
  };
  const go = (query, { by = "", history: how = "push" } = {}) => {
    asked = query;
    if (how === "push" && `?${query}` !== location.search) history.pushState(null, "", query ? `?${query}` : location.pathname);
    else if (how === "replace") history.replaceState(null, "", query ? `?${query}` : location.pathname);
    tellParent();
    const body = placeOf("body");
    if (body) body.setAttribute("aria-busy", "true");
    if (trigger) trigger("select", { query, by, turn: ++turn }); else waiting = { query, by };
  };
  const arrived = (text) => {
    let payload;
    try { payload = JSON.parse(text); } catch { return; }
    if (payload.asked !== asked) return; // A later question is on its way.
    if (payload.query !== asked) {
      asked = payload.query;
      history.replaceState(null, "", asked ? `?${asked}` : location.pathname);
    }
    show(payload);
  };
  const choose = (field, value) => {
    const query = new URLSearchParams(asked);
    const text = Array.isArray(value) ? value.join(",") : value === true ? "yes" : value === false || value === null ? "" : String(value);
    if ((query.get(field) || "") === text) return;
    if (text === "") query.delete(field); else query.set(field, text);
    query.delete("at");
    // What belongs to one track says nothing about another.
    if (field === "track") for (const own of ["budget", "base_model", "tasks", "run", "first", "second", "metric"]) query.delete(own);
    clearTimeout(timer);
    if (field !== "search") return go(query.toString(), { by: field });
    asked = query.toString();
    timer = setTimeout(() => go(query.toString(), { by: field, history: "replace" }), TYPING);
  };

  // The search field is heard and filled in here: Gradio's events come late or not at all (emptied, pasted, cut).
  const searchField = () => document.querySelector("#control-search input");
  const saySearch = () => {
    const field = searchField();
    const said = new URLSearchParams(asked).get("search") || "";
    if (!field || field.value.trim() === said) return;
    field.value = said;
    field.dispatchEvent(new Event("input", { bubbles: true })); // so that Gradio thinks it holds the same
  };
  document.addEventListener("input", (event) => {
    if (event.target === searchField()) choose("search", event.target.value.trim());
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (event.target.closest("[data-mode-switch]")) return switchMode();
    if (event.target.closest("button[data-filters]")) return switchFilters();
    const link = event.target.closest(".breadth a[href^='?']");
    if (!link || !trigger) return;
    event.preventDefault();
    go(link.getAttribute("href").slice(1));
    if (!link.hasAttribute("data-keep")) window.scrollTo({ top: 0 });
  });
  window.addEventListener("popstate", () => go(location.search.slice(1), { history: "none" }));
  system.addEventListener("change", () => { applyMode(); drawAll(); });
  let beforePrint = null;
  window.addEventListener("beforeprint", () => { beforePrint = root.dataset.mode; root.dataset.mode = "light"; });
  window.addEventListener("afterprint", () => { root.dataset.mode = beforePrint; });
  setInterval(sayAge, 30000);

  // --- The beginning: the first screen is in the page already; Gradio takes it over when it is there.
  const early = () => {
    applyMode();
    breadthDrawing.onCrossing(drawAll);
    const source = document.getElementById("breadth-payload");
    const place = document.querySelector("#breadth-early [data-part=body]");
    if (!source || !place || shown) return;
    const payload = JSON.parse(source.textContent);
    for (const [identifier, figure] of Object.entries(payload.figures)) drawn.set(document.getElementById(identifier), figure);
    shown = payload;
    document.title = payload.title;
    bringTab();
    sayAge();
    drawAll();
  };
  const mount = (element, props, tell, watch) => {
    trigger = tell;
    const from = document.getElementById("breadth-early");
    for (const part of ["head", "body"]) {
      const to = document.getElementById(`breadth-${part}`);
      const old = from && from.querySelector(`[data-part=${part}]`);
      if (to && old) to.replaceChildren(...old.childNodes);
    }
    if (from) from.remove();
    root.dataset.mounted = "yes";
    applyMode();
    bringTab();
    // Gradio sets its own mode when it starts.
    new MutationObserver(() => { if (document.body.classList.contains("dark") !== (mode() === "dark")) applyMode(); })
      .observe(document.body, { attributes: true, attributeFilter: ["class"] });
    // Gradio puts the search field there when a view first has it.
    new MutationObserver(saySearch).observe(document.body, { childList: true, subtree: true });
    watch("value", () => arrived(props.value));
    const first = waiting || { query: location.search.slice(1), by: "" };
    go(first.query, { ...first, history: "none" });
  };
  applyMode();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", early); else early();
  return { mount, choose };
})();
