// Light, dark or what the system says. Loaded in <head> and blocking, so that the first paint is
// right; the switch itself is wired when the page has been read.
(() => {
  const root = document.documentElement;
  root.dataset.js = "";

  const stored = () => {
    try {
      return localStorage.getItem("theme") ?? "system";
    } catch {
      return "system"; // storage is switched off: follow the system
    }
  };

  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const radio of document.querySelectorAll('input[name="theme"]')) {
      radio.checked = radio.value === (root.dataset.theme ?? "system");
    }
  };

  show(stored());
  document.addEventListener("DOMContentLoaded", () => {
    show(stored());
    document.addEventListener("change", (event) => {
      if (event.target.name !== "theme") return;
      try {
        localStorage.setItem("theme", event.target.value);
      } catch {
        // Not remembered, but still shown.
      }
      show(event.target.value);
    });
  });
  // Another tab changed it.
  addEventListener("storage", (event) => {
    if (event.key === "theme") show(stored());
  });
})();
