// By day or by night as the reader has chosen in this browser, before anything is painted.
const dark = document.getElementById("dark");
const asTheDevice = dark.media;
const chosen = () => {
  try { return localStorage.getItem("appearance"); } catch { return null; }
};
const show = (appearance) => { dark.media = { light: "not all", dark: "screen" }[appearance] ?? asTheDevice; };
show(chosen());

document.addEventListener("DOMContentLoaded", () => {
  const choice = document.getElementById("appearance");
  choice.value = chosen() ?? "";
  choice.closest("[hidden]").hidden = false;
  choice.addEventListener("change", () => {
    show(choice.value);
    try { localStorage.setItem("appearance", choice.value); } catch { /* this page alone, then */ }
  });
});
