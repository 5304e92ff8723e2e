// The player bar, the keys, and going from page to page without a gap in the sound.
// Pages work without any of it.
"use strict";
(() => {
  const root = document.documentElement;
  const audio = document.getElementById("audio");
  const deck = document.getElementById("deck");
  const knob = document.getElementById("deck-play");
  const name = document.getElementById("deck-name");
  const status = document.getElementById("deck-state");
  const volume = document.getElementById("deck-volume");
  const KEPT = "radiodeck.last";
  const LOUDNESS = "radiodeck.volume";
  const MOST_TRIES = 6;
  const STALL_SECONDS = 6;
  const WORDS = { off: "Ready", tuning: "Tuning in", on: "On the air", again: "The signal faded, tuning in again", lost: "No signal" };

  let station = null; // { id, src, name }
  let wanted = false; // whether the listener wants to hear it
  let tries = 0;
  let retry = 0;
  let heardAt = 0; // position of the sound when it last moved, and since when it has not
  let stillFor = 0;

  root.classList.add("js");

  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

  function show(state) {
    deck.hidden = !station;
    deck.dataset.state = state;
    status.textContent = WORDS[state];
    if (station) {
      name.textContent = station.name;
      name.href = "/station/" + encodeURIComponent(station.id);
    }
    knob.classList.toggle("pressed", wanted); // the label alone tells the state
    knob.setAttribute("aria-label", wanted ? "Pause" : "Play");
    mark();
    if ("mediaSession" in navigator && station) {
      navigator.mediaSession.metadata = new MediaMetadata({ title: station.name, artist: "Radiodeck" });
      navigator.mediaSession.playbackState = wanted ? "playing" : "paused";
    }
  }

  // Buttons in the page show whether theirs is the station that plays.
  function mark() {
    for (const button of document.querySelectorAll("[data-play]")) {
      const on = wanted && station !== null && button.dataset.play === station.id;
      button.setAttribute("role", "button");
      button.setAttribute("aria-pressed", String(on));
      button.closest(".row, .preset")?.classList.toggle("tuned", on);
    }
  }

  function open(state) {
    clearTimeout(retry);
    stillFor = 0;
    heardAt = 0;
    show(state);
    audio.src = station.src;
    audio.play().catch((error) => {
      if (error.name === "NotAllowedError") stop(); // the browser wants a press first
    });
  }

  function play(next) {
    station = next;
    wanted = true;
    tries = 0;
    keep(KEPT, JSON.stringify(station));
    open("tuning");
    fetch("/station/" + encodeURIComponent(station.id) + "/click", { method: "POST" }).catch(() => {});
  }

  // A paused live stream would go stale: let go of it, and open it anew later.
  function stop() {
    wanted = false;
    clearTimeout(retry);
    audio.removeAttribute("src");
    audio.load();
    show("off");
  }

  const toggle = () => (wanted ? stop() : station && play(station));

  function faded() {
    if (!wanted) return;
    clearTimeout(retry);
    if (++tries > MOST_TRIES) {
      stop();
      show("lost");
      return;
    }
    show("again");
    retry = setTimeout(() => wanted && open("again"), Math.min(500 * 2 ** tries, 8000));
  }

  audio.addEventListener("playing", () => wanted && show("on"));
  audio.addEventListener("waiting", () => wanted && deck.dataset.state === "on" && show("tuning"));
  audio.addEventListener("error", () => wanted && audio.hasAttribute("src") && faded());
  audio.addEventListener("ended", faded);
  // A stream that is cut fires no event at all: watch whether the sound moves.
  setInterval(() => {
    if (!wanted) return;
    if (audio.currentTime !== heardAt) {
      heardAt = audio.currentTime;
      stillFor = 0;
      if (heardAt > 10) tries = 0;
    } else if (++stillFor >= STALL_SECONDS && deck.dataset.state !== "again") {
      stillFor = 0;
      faded();
    }
  }, 1000);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-play]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { play: id, src, name } = button.dataset;
    if (wanted && station?.id === id) stop();
    else play({ id, src, name });
  });
  knob.addEventListener("click", toggle);
  volume.addEventListener("input", () => {
    audio.volume = volume.value / 100;
    keep(LOUDNESS, volume.value);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.isContentEditable) return;
    if (event.key === " " && event.target.matches("[data-play]")) {
      event.preventDefault(); // a link that acts as a button takes the space bar as one
      event.target.click();
    } else if (event.target.closest("input, textarea, select, button, summary, audio")) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      const box = document.getElementById("q");
      box.focus();
      box.select();
    } else if (event.key === " " && station) {
      event.preventDefault();
      toggle();
    }
  });
  if ("mediaSession" in navigator) {
    navigator.mediaSession.setActionHandler("play", () => station && !wanted && play(station));
    navigator.mediaSession.setActionHandler("pause", stop);
    navigator.mediaSession.setActionHandler("stop", stop);
  }

  // While something plays, pages are swapped in place. Where the browser lacks
  // this, or nothing plays, links and forms do what they always do.
  const PARTS = ["main", ".cabinet", "footer"];
  let untouched = false; // the next navigation is the browser's own

  window.navigation?.addEventListener("navigate", (event) => {
    if (untouched) {
      untouched = false;
      return;
    }
    const to = new URL(event.destination.url);
    if (!wanted || !event.canIntercept || event.hashChange || event.downloadRequest !== null) return;
    if (to.origin !== location.origin || to.pathname.startsWith("/static/")) return;
    // Our own replaceState; back and forward stay in the document, too, and need their page.
    if (event.destination.sameDocument && event.navigationType !== "traverse") return;
    const from = location.href;
    event.intercept({ handler: () => turnTo(to, from, event.formData, event.signal) });
  });

  // The address is the new one already. So either the new page is shown, or what
  // went wrong: never the old page under the new address.
  async function turnTo(to, from, form, signal) {
    try {
      const ask = form ? { method: "POST", body: new URLSearchParams(form) } : {};
      const answer = await fetch(to, { ...ask, signal });
      const html = answer.headers.get("content-type")?.startsWith("text/html");
      if (answer.ok && !html && !form) {
        untouched = true;
        location.reload(); // no page of ours: a file, say
        return;
      }
      const page = new DOMParser().parseFromString(html ? await answer.text() : "", "text/html");
      const pairs = PARTS.map((part) => [document.querySelector(part), page.querySelector(part)]);
      if (pairs.every(([, fresh]) => fresh)) {
        for (const [old, fresh] of pairs) old.replaceWith(document.adoptNode(fresh));
        document.title = page.title;
        if (form) history.replaceState(null, "", answer.url);
        mark();
      } else {
        sayLost(to, from, form);
      }
    } catch (error) {
      if (signal.aborted) throw error; // the listener went elsewhere meanwhile
      sayLost(to, from, form);
    }
    document.getElementById("main").focus({ preventScroll: true });
  }

  // In place of a page that did not come. The sound goes on. A form is not sent
  // again by itself: the way is back to where it was.
  function sayLost(to, from, form) {
    const add = (parent, tag, text, kind = "") => {
      const element = document.createElement(tag);
      element.textContent = text;
      element.className = kind;
      return parent.appendChild(element);
    };
    if (form) history.replaceState(null, "", from);
    const back = new URL(form ? from : to);
    back.hash = ""; // with it, the link would only scroll
    const box = document.createElement("section");
    box.className = "panel lost";
    add(box, "h1", "Signal lost for a moment");
    add(box, "p", "The page did not come through. This mostly passes within seconds. What is playing goes on.");
    add(add(box, "p", "", "buttons"), "a", form ? "Back to the page" : "Try again", "press").href = back.href;
    document.getElementById("main").replaceChildren(box);
    document.title = "Signal lost for a moment - Radiodeck";
  }

  volume.value = recall(LOUDNESS) ?? volume.value;
  audio.volume = volume.value / 100;
  try {
    const last = JSON.parse(recall(KEPT));
    if (last && /^https?:/i.test(last.src) && last.id && last.name) station = last;
  } catch { /* somebody else's words under our key */ }
  show("off");
})();
