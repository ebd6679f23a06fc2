// Runs before anything is drawn: the language and the theme that were chosen, or the browser's.
(() => {
  /** @param {string} name */
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // storage may be forbidden
    }
  };
  const root = document.documentElement;
  const theme = kept("nonmun-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const chosen = kept("nonmun-language");
  const wanted = chosen ?? (navigator.languages ?? [navigator.language]).find((one) => /^(ko|en)\b/i.test(one));
  root.lang = /^ko\b/i.test(wanted ?? "en") ? "ko" : "en";
})();
