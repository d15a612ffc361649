// The native package's binary cannot be had on most machines: these stand in for the ways in which loading it fails,
// with the words of Node, tfjs-node 4.22 and the dynamic loaders of glibc and musl.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Require } from "../../src/engine/engine.js";

/** npm has left the package out. */
export const packageMissing: Require = (name) => {
  const message = `Cannot find module '${name}'\nRequire stack:\n- /app/node_modules/ddp-train/dist/engine/load.js`;
  throw Object.assign(new Error(message), { code: "MODULE_NOT_FOUND" });
};

/** The package is there, but something that it requires is not. */
export const dependencyMissing: Require = () => {
  const message =
    "Cannot find module 'long'\nRequire stack:\n- /app/node_modules/@tensorflow/tfjs-node-gpu/dist/index.js";
  throw Object.assign(new Error(message), { code: "MODULE_NOT_FOUND" });
};

/** npm was told to run no install scripts. */
export const binaryMissing = failing(
  "The Node.js native addon module (tfjs_binding.node) can not be found at path: /app/node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node. \nPlease run command 'npm rebuild @tensorflow/tfjs-node build-addon-from-source' to rebuild the native addon module.",
);

/** A library that the addon wants is not on the machine. */
export const libraryMissing = failing(
  "libcudart.so.11.0: cannot open shared object file: No such file or directory",
);
/** What npm downloads with the addon is gone. */
export const tensorflowMissing = failing(
  "libtensorflow.so.2: cannot open shared object file: No such file or directory",
);
/** A library is missing on a system with musl, as Alpine Linux. */
export const libraryMissingOnMusl = failing(
  "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /app/node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/../../deps/lib/libtensorflow.so.2)",
);

const LIBRARY = "/app/node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/../../deps/lib/libtensorflow.so.2";

/** The library was built for a newer C library. */
export const libcTooOld = failing(
  `/lib/x86_64-linux-gnu/libm.so.6: version \`GLIBC_2.99' not found (required by ${LIBRARY})`,
);
/** The library was built for a newer C++ library. */
export const libstdcxxTooOld = failing(
  `/usr/lib/x86_64-linux-gnu/libstdc++.so.6: version \`GLIBCXX_3.4.99' not found (required by ${LIBRARY})`,
);

/** A download that broke off: not a stand-in, this is what the machine's own loader says of such a file. */
export const libraryCutOff: Require = () => {
  const folder = mkdtempSync(join(tmpdir(), "cut-off-"));
  try {
    const addon = join(folder, "tfjs_binding.node");
    writeFileSync(addon, Buffer.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0));
    process.dlopen({ exports: {} }, addon);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

function failing(message: string): Require {
  return () => {
    throw Object.assign(new Error(message), { code: "ERR_DLOPEN_FAILED" });
  };
}
