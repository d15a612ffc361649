// Module hooks for loading a recipe (they run on Node's loader thread): TypeScript is stripped of its types, and a
// recipe anywhere on the disk finds this very ddp-train and the tfjs that it uses.
import { readFile } from "node:fs/promises";
import type { InitializeHook, LoadHook, ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

interface HookData {
  readonly recipe: string;
  readonly index: string;
  readonly here: string;
}
let data: HookData;

export const initialize: InitializeHook<HookData> = (given) => {
  data = given;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  // One copy only: a second one would bring classes that `instanceof` does not recognise.
  if (specifier === "ddp-train") return { url: data.index, shortCircuit: true };
  try {
    return await next(specifier, context);
  } catch (error) {
    if (specifier.startsWith("@tensorflow/")) return next(specifier, { ...context, parentURL: data.here });
    // TypeScript's own convention: "./helper.js" names helper.ts.
    if (/^\.{1,2}\/.*\.m?js$/.test(specifier)) return next(specifier.replace(/js$/, "ts"), context);
    throw error;
  }
};

export const load: LoadHook = async (url, context, next) => {
  const { pathname } = new URL(url);
  if (/\.m?ts$/.test(pathname) && url.startsWith("file:")) {
    const sourcefile = fileURLToPath(url);
    const source = await readFile(sourcefile, "utf8");
    const options = {
      loader: "ts",
      format: "esm",
      target: "node20",
      sourcemap: "inline",
      sourcefile,
    } as const;
    return { format: "module", source: (await transform(source, options)).code, shortCircuit: true };
  }
  // A lone recipe.js has no package.json that calls it a module; it exports a default class, so it is one.
  if (url === data.recipe && pathname.endsWith(".js")) return next(url, { ...context, format: "module" });
  return next(url, context);
};
