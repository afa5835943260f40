// Times stand in UTC; the reader's own are put before them, also in what comes into a page later.
const zoned = (time) => {
  const here = new Date(time.dateTime);
  if (time.dataset.zoned !== undefined || Number.isNaN(here.valueOf()) || here.getTimezoneOffset() === 0) return;
  const utc = document.createElement("small");
  utc.textContent = time.textContent.trim();
  time.dataset.zoned = "";
  time.replaceChildren(here.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }), " ", utc);
};
document.querySelectorAll("time[datetime]").forEach(zoned);
document.body.addEventListener("htmx:load", (event) => event.target.querySelectorAll("time[datetime]").forEach(zoned));
