// Times stand in UTC; the reader's own are put before them.
for (const time of document.querySelectorAll("time[datetime]")) {
  const here = new Date(time.dateTime);
  if (Number.isNaN(here.valueOf())) continue;
  const local = here.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  time.textContent = `${local} (${time.textContent.trim()})`;
}
