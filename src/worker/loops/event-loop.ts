// Turns of the event loop within a run. Without a message to wait for (one worker, or gradients exchanged through memory)
// a whole epoch may go by without one, and an interruption, a lost launcher or an unhandled rejection would wait as long.

/** Far below what a person notices, far above what a turn of the event loop costs. */
const YIELD_EVERY_MS = 20;

export class EventLoop {
  #lastYield = 0;

  /** Lets the event loop turn, now and then. */
  async yieldToIt(): Promise<void> {
    if (performance.now() - this.#lastYield < YIELD_EVERY_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastYield = performance.now();
  }
}
