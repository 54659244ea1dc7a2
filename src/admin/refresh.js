"use strict";
// Shows the newest figures without losing the place on the page.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname);
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
  } catch {
    const mark = document.querySelector("#state");
    mark.className = "bad";
    mark.textContent = "does not answer";
  }
}, 5000);
