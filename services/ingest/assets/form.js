// Only what helps: no second click while the message is on its way, and the errors in view.
"use strict";
const form = document.querySelector("form");
form.addEventListener("submit", () => {
  const button = form.querySelector("button");
  button.disabled = true;
  button.textContent = "Sending …";
});
window.addEventListener("pageshow", () => {
  const button = form.querySelector("button");
  button.disabled = false;
  button.textContent = "Send";
});
document.getElementById("errors")?.focus();
