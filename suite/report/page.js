"use strict";
// Draws the page's figures in its mode, switches the mode, and sorts tables. Nothing here asks a network for anything.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("mode");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const NARROW = 600;
  const LEAST_WIDE = 720;
  const sources = new Map();

  const mode = () => root.dataset.mode || (system.matches ? "dark" : "light");

  // On a phone the names and numbers beside a plot would leave no room for it; the table below holds them all.
  const fitted = (layout, width) => {
    if (width >= NARROW) return layout;
    const fewer = (items) => (items || []).filter((item) => !["value", "bracket", "label"].includes(item.name));
    const changed = { ...layout, annotations: fewer(layout.annotations), shapes: fewer(layout.shapes) };
    changed.margin = { ...layout.margin, r: 12, l: 8 };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      changed[key] = { ...layout[key], tickfont: { ...layout[key].tickfont, size: 10 } };
      const title = layout[key].title || {};
      // Row names say what the axis is; a long title would run out of the picture.
      changed[key].title = key.startsWith("yaxis") ? { ...title, text: "" } : { ...title, font: { size: 10 } };
    }
    changed.legend = { ...layout.legend, font: { size: 11 } };
    return changed;
  };

  const draw = (place, colours = mode()) => {
    const { data, layout } = sources.get(place);
    // Many panels, and heat maps with their numbers, cannot be made narrow: they scroll within the page.
    const wide = "xaxis2" in layout || data.some((trace) => trace.type === "heatmap");
    place.style.minWidth = wide && window.innerWidth < NARROW ? `${LEAST_WIDE}px` : "";
    const shown = fitted(layout, place.clientWidth);
    const template = breadthFigures.templates[colours];
    return Plotly.react(place, structuredClone(data), { ...structuredClone(shown), template }, breadthFigures.config);
  };

  for (const source of document.querySelectorAll("script[data-plot]")) {
    const place = document.getElementById(source.dataset.plot);
    sources.set(place, JSON.parse(source.textContent));
  }
  const drawAll = (colours) => Promise.all([...sources.keys()].map((place) => draw(place, colours)));

  const say = () => {
    button.textContent = mode() === "dark" ? "light" : "dark";
    button.setAttribute("aria-pressed", String(mode() === "dark"));
  };
  const switched = () => { say(); drawAll(); };
  button.addEventListener("click", () => { root.dataset.mode = mode() === "dark" ? "light" : "dark"; switched(); });
  system.addEventListener("change", switched);

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    // Crossing the border between phone and desk changes what is drawn; otherwise plotly resizes by itself.
    if ((width < NARROW) !== (window.innerWidth < NARROW)) drawAll();
    width = window.innerWidth;
  });

  // Paper is white.
  let before;
  window.addEventListener("beforeprint", () => { before = root.dataset.mode; root.dataset.mode = "light"; drawAll("light"); });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset.mode; else root.dataset.mode = before;
    drawAll();
  });

  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.sort === undefined) return cell.textContent;
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  };
  const compared = (one, other) => (typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true }));
  for (const head of document.querySelectorAll("th")) {
    head.querySelector("button").addEventListener("click", () => {
      const table = head.closest("table");
      const column = head.cellIndex;
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        // Cells without a number stay at the end, whichever way the rest is sorted.
        if (a === null || b === null) return (a === null) - (b === null);
        return down ? compared(b, a) : compared(a, b);
      });
      table.tBodies[0].append(...rows);
    });
  }

  say();
  drawAll().then(() => { root.dataset.drawn = "yes"; });
})();
