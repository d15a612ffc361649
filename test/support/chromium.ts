// A headless Chromium, spoken to through its pipe (the DevTools protocol, messages of JSON with a zero after each).
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** Milliseconds for an answer or an event: a page here is ready in less than one. */
const LONGEST = 60_000;

/** Path of the browser on this machine, or null. */
export function findChromium(): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return paths.find(isProgram) ?? null;
}

type Fields = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** How a page is looked at. */
export interface View {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

export class Chromium {
  /** Requests, messages on the console and errors since the last page was opened, in words. */
  readonly happened: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  #session: string | undefined;
  #sent = 0;

  private constructor(path: string) {
    this.#profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const isRoot = process.getuid?.() === 0;
    const flags = [
      "--headless",
      "--disable-gpu",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#profile}`,
    ];
    this.#child = spawn(path, [...flags, ...(isRoot ? ["--no-sandbox"] : []), "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    let text = "";
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (text + chunk).split("\0");
      text = parts.pop() ?? "";
      for (const part of parts) this.#hear(JSON.parse(part) as Message);
    });
  }

  /** Starts it with an empty page. */
  static async start(path: string): Promise<Chromium> {
    const browser = new Chromium(path);
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = String(sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.send(`${domain}.enable`);
    return browser;
  }

  /** Opens a file; resolves once it is loaded. */
  async open(path: string, { width, scheme }: View): Promise<void> {
    await this.send("Emulation.setEmulatedMedia", {
      media: "screen",
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height: 800,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    this.happened.length = 0;
    const loaded = this.#event("Page.loadEventFired");
    await this.send("Page.navigate", { url: pathToFileURL(path).href });
    await loaded;
  }

  /** The value of an expression in the page, awaited where it is a promise. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as Fields).value;
  }

  async close(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  send(method: string, params: Fields = {}): Promise<Fields> {
    const id = ++this.#sent;
    const message = {
      id,
      method,
      params,
      ...(this.#session === undefined ? {} : { sessionId: this.#session }),
    };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    return inTime(method, (resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
    });
  }

  #event(method: string): Promise<void> {
    return inTime(method, (resolve) => this.#events.set(method, () => resolve()));
  }

  #hear(message: Message): void {
    const { id, method = "", params = {} } = message;
    if (id !== undefined) this.#waiting.get(id)?.(message);
    this.#events.get(method)?.();
    const request = params.request as Fields | undefined;
    if (method === "Network.requestWillBeSent") this.happened.push(`request ${request?.url}`);
    if (/^(Runtime\.(consoleAPICalled|exceptionThrown)|Log\.entryAdded)$/.test(method)) {
      this.happened.push(`${method} ${JSON.stringify(params)}`);
    }
  }
}

function inTime<T>(
  what: string,
  work: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to ${what} in ${LONGEST} ms`)), LONGEST);
    const done = () => clearTimeout(timer);
    work(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
