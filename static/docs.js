// Starts Swagger UI on the page's own description of the API. Passwords and tokens typed into
// "Authorize" live as long as the tab: nothing is stored.

const place = document.getElementById("swagger-ui");
const root = document.documentElement;
const darkSystem = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI knows a dark mode by this class; our switch speaks through data-theme.
function followTheme() {
  const theme = root.dataset.theme ?? (darkSystem.matches ? "dark" : "light");
  root.classList.toggle("dark-mode", theme === "dark");
}

followTheme();
darkSystem.addEventListener("change", followTheme);
new MutationObserver(followTheme).observe(root, { attributeFilter: ["data-theme"] });

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapiUrl,
  deepLinking: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // The cookie of this site goes along, as it does for the pages.
  withCredentials: true,
  // Nobody outside is asked whether the description is valid.
  validatorUrl: null,
  onComplete: () => place.removeAttribute("aria-busy"),
});
