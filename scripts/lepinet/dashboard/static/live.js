// A page that follows what happens asks for itself again when something does, and goes on where the reader is;
// one of which a part asks for itself only lets it know, by the event that it names.
const main = () => document.querySelector("main[data-live]");
const FOCUSABLE = "a[href], button, summary, [tabindex]";
const UNTOLD = 15_000; // milliseconds between two looks of a page that there is no place for among those that are told
let source;
let waiting;
let look;

const renew = async () => {
  waiting = undefined;
  if (main().dataset.live) return htmx.trigger(document.body, main().dataset.live);
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-By-Itself": "1" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main[data-live]");
  if (!fresh) return location.reload();
  const old = main();
  if (old.querySelector("input:focus, select:focus, textarea:focus")) return;
  const focused = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const open = [...old.querySelectorAll("details")].map((one) => one.open);
  const news = [...fresh.querySelectorAll("details")];
  if (open.length === news.length) news.forEach((one, place) => { one.open ||= open[place]; });
  old.replaceChildren(...fresh.childNodes);
  old.dataset.made = fresh.dataset.made;
  old.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  htmx.process(old);
  old.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
};

const follow = () => {
  clearTimeout(look);
  source?.close();
  source = undefined;
  if (document.hidden || !main()) return;
  source = new EventSource(`/events?made=${main().dataset.made}`);
  source.onmessage = () => { waiting ??= setTimeout(renew, 200); };
  source.onerror = ({ target }) => {
    if (target.readyState === EventSource.CLOSED) look = setTimeout(() => renew().finally(follow), UNTOLD);
  };
};

// A browser has few connections to one place: a page that nobody sees gives its own back.
document.addEventListener("visibilitychange", follow);
follow();
