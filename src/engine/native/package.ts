// The package tfjs-node-gpu, which the engines native and cuda share: loads it, or says in one line why not.
import util from "node:util";
import { messageOf } from "../../core/errors.js";
import { startBackend } from "../backend.js";
import type { Require } from "../engine.js";
import { NATIVE_PACKAGE } from "./facts.js";

interface NativePackage {
  readonly version?: Readonly<Record<string, string>>;
}

/** Loads the package and makes its backend tfjs's; returns its version. @throws Error with the one-line reason. */
export async function startNative(require: Require): Promise<string> {
  restoreOldUtil();
  let loaded: NativePackage;
  try {
    loaded = require(NATIVE_PACKAGE) as NativePackage;
  } catch (error) {
    throw new Error(reasonOf(error));
  }
  await startBackend("tensorflow");
  return loaded.version?.["tfjs-core"] ?? "of unknown version";
}

/** tfjs-node 4.22 calls two functions of `util` that Node 23 removed. */
function restoreOldUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  // Also where Node has them still: its own print a deprecation warning from version 22 on.
  old.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  old.isArray = Array.isArray;
}

/** In the order in which loading can fail: the package, its addon, and the libraries that the addon wants. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === "MODULE_NOT_FOUND" && message.includes(`'${NATIVE_PACKAGE}'`)) {
    return `the package ${NATIVE_PACKAGE} is not installed (npm leaves it out where its binary cannot be downloaded)`;
  }
  if (message.includes("can not be found at path")) {
    return `${NATIVE_PACKAGE} is installed without its binary (run: npm rebuild ${NATIVE_PACKAGE})`;
  }
  const old = /version [`'"](GLIBCXX|GLIBC|CXXABI)_([\w.]+)' not found(?: \(required by ([^)]+)\))?/.exec(
    message,
  );
  if (old) {
    const [, kind, version, by] = old;
    const what = by === undefined ? NATIVE_PACKAGE : `${fileOf(by)} of ${NATIVE_PACKAGE}`;
    return kind === "GLIBC"
      ? `${what} wants glibc ${version} or newer${ownGlibc()} (use a newer system, or --device wasm)`
      : `${what} wants a libstdc++ with ${kind}_${version}, newer than this system's (install a newer libstdc++6)`;
  }
  const damaged = /(\S+?): (file too short|invalid ELF header)/.exec(message);
  if (damaged) {
    return `${fileOf(damaged[1])} of ${NATIVE_PACKAGE} is damaged: ${damaged[2]} (run: npm rebuild ${NATIVE_PACKAGE})`;
  }
  const library =
    /(\S+\.so\S*): cannot open shared object/.exec(message) ??
    /Error loading shared library (\S+?): No such file/.exec(message);
  if (library?.[1].startsWith("libtensorflow")) {
    return `${NATIVE_PACKAGE} is installed without ${library[1]} (run: npm rebuild ${NATIVE_PACKAGE})`;
  }
  if (library) {
    return `${NATIVE_PACKAGE} needs the shared library ${library[1]}, which is not on this machine (install it, or add its folder to LD_LIBRARY_PATH)`;
  }
  return `${NATIVE_PACKAGE} does not load: ${message.split("\n")[0]}`;
}

function fileOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** This system's libc, where it is glibc. */
function ownGlibc(): string {
  const report = process.report.getReport() as unknown as { header?: { glibcVersionRuntime?: string } };
  const version = report.header?.glibcVersionRuntime;
  return version === undefined ? "" : `, this system has ${version}`;
}
