/** The sound of an arriving message. Browsers allow it only after the first click on the page. */

let context = /** @type {AudioContext | null} */ (null);

/** Two short tones; silence where the browser does not allow sound (the bell on the page shows it anyway). */
export function beep() {
  try {
    context ??= new AudioContext();
    if (context.state === "suspended") {
      void context.resume();
      return;
    }
    const start = context.currentTime;
    for (const [n, frequency] of [880, 1174.7].entries()) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.0001, start + n * 0.14);
      volume.gain.exponentialRampToValueAtTime(0.12, start + n * 0.14 + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + n * 0.14 + 0.22);
      tone.connect(volume).connect(context.destination);
      tone.start(start + n * 0.14);
      tone.stop(start + n * 0.14 + 0.24);
    }
  } catch {
    context = null;
  }
}

addEventListener("pointerdown", () => {
  try {
    context ??= new AudioContext();
    void context.resume();
  } catch {
    context = null;
  }
}, { once: true });
