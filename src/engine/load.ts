// Loads one compute engine and makes it tfjs's backend. The only file that imports a backend package.
import { createRequire } from "node:module";
import util from "node:util";
import { messageOf } from "../core/errors.js";
import type { EngineName } from "../core/options/table.js";
import { tf } from "./tf.js";
import { installKernels } from "./wasm/install.js";

/** Loads a module by name; replaceable, so that each way in which the native package fails can be shown. */
export type Require = (name: string) => unknown;

/** What tfjs-node's backend tells about itself. */
interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
}
interface NativePackage {
  readonly version?: Readonly<Record<string, string>>;
}

const NATIVE_PACKAGE = "@tensorflow/tfjs-node-gpu";

/**
 * Loads the engine and returns a line that describes it.
 * @throws Error whose message is the one-line reason why this engine cannot be had.
 */
export async function loadEngine(
  engine: EngineName,
  require: Require = createRequire(import.meta.url),
): Promise<string> {
  const description = await loaders[engine](require);
  await tf.ready();
  return description;
}

const loaders: Record<EngineName, (require: Require) => Promise<string>> = {
  cuda: async (require) => {
    const version = loadNative(require);
    await tf.setBackend("tensorflow");
    const backend = tf.backend() as unknown as NativeBackend;
    // Without a usable GPU the package computes on the CPU and says nothing.
    if (backend.isUsingGpuDevice !== true) throw new Error("it found no GPU that it can use");
    return `cuda (tfjs-node-gpu ${version})`;
  },
  native: async (require) => {
    const version = loadNative(require);
    await tf.setBackend("tensorflow");
    return `native (the CPU of tfjs-node-gpu ${version})`;
  },
  wasm: async () => {
    const wasm = await import("@tensorflow/tfjs-backend-wasm");
    await withoutNewErrorListeners(() => tf.setBackend("wasm"));
    return `wasm (tfjs ${wasm.version_wasm}, ${installKernels()}, one core per worker)`;
  },
  cpu: async () => {
    const cpu = await import("@tensorflow/tfjs-backend-cpu");
    await tf.setBackend("cpu");
    // Keeps tfjs from printing, in every worker, that another package would be faster: the run has said so itself.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
    return `cpu (tfjs ${cpu.version_cpu}, plain JavaScript: slow)`;
  },
};

/** Loads the native package, turning its three ways to fail into one line each; returns its version. */
function loadNative(require: Require): string {
  restoreOldUtil();
  let loaded: NativePackage;
  try {
    loaded = require(NATIVE_PACKAGE) as NativePackage;
  } catch (error) {
    throw new Error(nativeFailure(error));
  }
  return loaded.version?.["tfjs-core"] ?? "of unknown version";
}

function nativeFailure(error: unknown): string {
  const message = messageOf(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "MODULE_NOT_FOUND" && message.includes(NATIVE_PACKAGE)) {
    return `the package ${NATIVE_PACKAGE} is not installed (npm leaves it out where its binary cannot be downloaded)`;
  }
  if (/native addon module|tfjs_binding\.node/.test(message) && !/shared object/.test(message)) {
    return `${NATIVE_PACKAGE} is installed without its binary (run: npm rebuild ${NATIVE_PACKAGE})`;
  }
  const library = /(\S+\.so\S*): cannot open shared object/.exec(message);
  if (library)
    return `${NATIVE_PACKAGE} needs the shared library ${library[1]}, which is not on this machine`;
  return `${NATIVE_PACKAGE} does not load: ${message.split("\n")[0]}`;
}

/** tfjs-node 4.22 calls two functions of `util` that Node 23 removed. */
function restoreOldUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

/** The wasm backend's start adds process-wide error listeners that rethrow (exit code 7): takes them off again. */
async function withoutNewErrorListeners(action: () => Promise<unknown>): Promise<void> {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as "uncaughtException")));
  await action();
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as "uncaughtException")) {
      if (!before[i].has(listener)) process.removeListener(event, listener);
    }
  });
}
