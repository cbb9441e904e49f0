"use strict";
// Fits a figure to its place and draws it; what a report and the live page do alike. Asks nothing of a network.
const breadthDrawing = (() => {
  const NARROW = 600;
  const LEAST_WIDE = 720;
  const LEAST_PANEL = 310;
  const LEAST_PANELS = 960;
  const LEGEND_LINE = 19;

  // On a phone the names and numbers beside a plot would leave no room for it; the table below holds them all.
  const fitted = (layout, width, keys) => {
    if (width >= NARROW) return layout;
    const fewer = (items) => (items || []).filter((item) => !["value", "bracket", "label"].includes(item.name))
      .map((item) => (item.name === "narrow" ? { ...item, visible: true, font: { ...item.font, size: 10 } } : item));
    const changed = { ...layout, annotations: fewer(layout.annotations), shapes: fewer(layout.shapes) };
    changed.margin = { ...layout.margin, r: 12, l: 8 };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      changed[key] = { ...layout[key], tickfont: { ...layout[key].tickfont, size: 10 } };
      const title = layout[key].title || {};
      // Row names say what the axis is; a long title would run out of the picture.
      const [middle] = (title.text || "").split("&#160;&#160;&#160;").slice((title.text || "").includes("←") ? 1 : 0);
      changed[key].title = key.startsWith("yaxis") ? { ...title, text: "" } : { ...title, text: middle, font: { size: 10 } };
    }
    // Beneath the plot, where it may take as many lines as it needs; the picture grows by them.
    changed.height = (layout.height || 540) + LEGEND_LINE * keys;
    changed.legend = { ...layout.legend, font: { size: 11 }, x: 0, xanchor: "left", y: -64 / (layout.height || 540), yanchor: "top" };
    return changed;
  };

  // Panels with headings and heat maps with their numbers cannot be made narrow: they scroll within the page.
  const leastWidth = (data, layout) => {
    const columns = new Set(Object.keys(layout).filter((key) => /^xaxis/.test(key)).map((key) => (layout[key].domain || [0])[0]));
    if (columns.size > 1) return Math.min(LEAST_PANEL * columns.size, LEAST_PANELS);
    return data.some((trace) => trace.type === "heatmap" && trace.texttemplate) ? LEAST_WIDE : 0;
  };

  const draw = (place, { data, layout }, mode) => {
    const least = leastWidth(data, layout);
    place.style.minWidth = least && place.parentElement.clientWidth < least ? `${least}px` : "";
    const keys = layout.showlegend === false ? 0 : data.filter((trace) => trace.name && trace.showlegend !== false).length;
    const shown = fitted(layout, place.clientWidth, keys);
    const template = breadthFigures.templates[mode];
    return Plotly.react(place, structuredClone(data), { ...structuredClone(shown), template }, breadthFigures.config);
  };

  // Crossing the border between phone and desk changes what is drawn; otherwise plotly resizes by itself.
  const onCrossing = (act) => {
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if ((width < NARROW) !== (window.innerWidth < NARROW)) act();
      width = window.innerWidth;
    });
  };

  return { draw, onCrossing };
})();
