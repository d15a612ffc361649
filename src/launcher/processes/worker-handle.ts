// One worker as the launcher sees it: what it has said, where it is, and the one way in which its part came out:
// `done`, or `failed`. A worker that was told to stop settles neither.
import type { FromWorker, Position, Prepared, ToWorker } from "../../core/protocol.js";
import type { RunProgress } from "../../core/summary.js";
import { type Child, type Ended, startChild } from "./child.js";
import { deferred } from "./deferred.js";
import type { Failure } from "./failure.js";
import { openPositionFile } from "./position-file.js";

/** A worker's own account of its completed part. */
export type Done = Extract<FromWorker, { type: "done" }>;

export interface WorkerSpec {
  readonly rank: number;
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: "inherit" | ((line: string) => void);
  readonly stderr: (line: string) => void;
  readonly onStatus: (message: string, level: "info" | "warn") => void;
  /** Called with each position that it tells. */
  readonly onPosition: () => void;
  readonly onRecorded: (progress: RunProgress) => void;
}

/** Lines of stderr kept for the report of a failure. */
const LINES_KEPT = 50;

export class WorkerHandle {
  readonly rank: number;
  readonly #child: Child;
  readonly #prepared = deferred<Prepared>();
  readonly #done = deferred<Done>();
  readonly #failed = deferred<Failure>();
  readonly #lastWords: string[] = [];
  readonly #noted = openPositionFile();
  #position: Position | null = null;
  #failure: Failure | null = null;
  #isDone = false;

  constructor(spec: WorkerSpec) {
    this.rank = spec.rank;
    this.#child = startChild({
      entry: spec.entry,
      env: spec.env,
      stdout: spec.stdout,
      stderr: (line) => {
        this.#lastWords.push(line);
        if (this.#lastWords.length > LINES_KEPT) this.#lastWords.shift();
        spec.stderr(line);
      },
      positionFd: this.#noted.fd,
      onMessage: (message) => this.#receive(message, spec),
    });
    this.#child.ended.then((end) => this.#onEnded(end));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }
  get prepared(): Promise<Prepared> {
    return this.#prepared.promise;
  }
  /** Resolves when its part of the run is complete, or was ended as it was asked to. */
  get done(): Promise<Done> {
    return this.#done.promise;
  }
  get isDone(): boolean {
    return this.#isDone;
  }
  get failed(): Promise<Failure> {
    return this.#failed.promise;
  }
  /** What {@link failed} resolved to, if it has. */
  get failure(): Failure | null {
    return this.#failure;
  }
  get ended(): Promise<Ended> {
    return this.#child.ended;
  }

  send(message: ToWorker): void {
    this.#child.send(message);
  }

  /** Declares it failed, unless it has: it did not answer by `at`, and `silence` says to whom. */
  fallSilent(at: number, silence: string): void {
    this.#fail(at, { silence });
  }

  /** Resolves when the process has ended: by itself, or by SIGKILL after `grace` milliseconds. */
  stop(grace: number): Promise<void> {
    return this.#child.stop(grace);
  }

  kill(): void {
    this.#child.signal("SIGKILL");
  }

  #receive(message: FromWorker, { onStatus, onPosition, onRecorded }: WorkerSpec): void {
    if (message.type === "prepared") this.#prepared.resolve(message.prepared);
    else if (message.type === "status") onStatus(message.message, message.level);
    else if (message.type === "recorded") onRecorded(message.results);
    else if (message.type === "at") {
      this.#position = message.position;
      onPosition();
    } else if (message.type === "failed") {
      this.#position = message.position ?? this.#position;
      this.#fail(performance.now(), { error: message.error });
    } else if (message.type === "done") {
      this.#isDone = true;
      this.#done.resolve(message);
    }
  }

  #onEnded(end: Ended): void {
    const { signalled } = this.#child;
    const byUs = end.signal === null ? signalled.size > 0 : signalled.has(end.signal);
    if (!this.#isDone && !byUs) this.#fail(end.at, { end });
    this.#position = this.#noted.read() ?? this.#position;
    this.#noted.close();
  }

  #fail(at: number, how: Partial<Failure>): void {
    if (this.#failure !== null) return;
    const { rank, pid } = this;
    const nothing = { error: null, end: null, silence: null };
    const position = this.#noted.read() ?? this.#position;
    this.#failure = { rank, pid, at, ...nothing, ...how, position, lastWords: [...this.#lastWords] };
    this.#failed.resolve(this.#failure);
  }
}
