// Module hooks for loading a recipe: TypeScript is stripped of its types, and a recipe anywhere on the disk finds this
// very ddp-train and the tfjs that it uses. `hooksInThread` is for Node's registerHooks; `initialize`, `resolve` and
// `load` are what its older `register` runs on a thread of its own, where resolving is asynchronous.
import { readFileSync } from "node:fs";
import type { InitializeHook, LoadFnOutput, LoadHookContext, ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";
import { type Message, transformSync } from "esbuild";

/** URLs of the recipe's module, of ddp-train's public index, and of a module that finds ddp-train's dependencies. */
export interface RecipeUrls {
  readonly recipe: string;
  readonly index: string;
  readonly here: string;
}

type ResolveContext = Parameters<ResolveHook>[1];
type Resolved = { readonly url: string; readonly shortCircuit?: boolean };

/** The hooks as `module.registerHooks` (Node 22.15 and newer) takes them. */
export function hooksInThread(urls: RecipeUrls) {
  return {
    resolve<R extends Resolved>(
      specifier: string,
      context: ResolveContext,
      next: (specifier: string, context?: ResolveContext) => R,
    ): R | Resolved {
      const own = resolveOwn(specifier, urls);
      if (own) return own;
      try {
        return next(specifier, context);
      } catch (error) {
        const other = elsewhere(specifier, context, urls);
        if (!other) throw error;
        return next(...other);
      }
    },
    load<L>(url: string, context: LoadHookContext, next: (url: string, context: LoadHookContext) => L) {
      return loadModule(url, context, next, urls);
    },
  };
}

let given: RecipeUrls;

/** Receives what `register` was called with. */
export const initialize: InitializeHook<RecipeUrls> = (urls) => {
  given = urls;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const own = resolveOwn(specifier, given);
  if (own) return own;
  try {
    return await next(specifier, context);
  } catch (error) {
    const other = elsewhere(specifier, context, given);
    if (!other) throw error;
    return next(...other);
  }
};

export const load = <L>(
  url: string,
  context: LoadHookContext,
  next: (url: string, context: LoadHookContext) => L,
) => loadModule(url, context, next, given);

/** One copy only: a second one would bring classes that `instanceof` does not recognise. */
function resolveOwn(specifier: string, { index }: RecipeUrls): Resolved | null {
  return specifier === "ddp-train" ? { url: index, shortCircuit: true } : null;
}

/** Where else to look for what is not found. */
function elsewhere(
  specifier: string,
  context: ResolveContext,
  { here }: RecipeUrls,
): [string, ResolveContext] | null {
  if (specifier.startsWith("@tensorflow/")) return [specifier, { ...context, parentURL: here }];
  // TypeScript's own convention: "./helper.js" names helper.ts.
  if (/^\.{1,2}\/.*\.m?js$/.test(specifier)) return [specifier.replace(/js$/, "ts"), context];
  return null;
}

function loadModule<L>(
  url: string,
  context: LoadHookContext,
  next: (url: string, context: LoadHookContext) => L,
  { recipe }: RecipeUrls,
): L | LoadFnOutput {
  const isFile = url.startsWith("file:");
  const path = isFile ? new URL(url).pathname : "";
  if (/\.m?ts$/.test(path)) return { format: "module", source: stripTypes(url), shortCircuit: true };
  // A lone recipe.js has no package.json that calls it a module; it exports a default class, so it is one.
  if (url === recipe && path.endsWith(".js")) return next(url, { ...context, format: "module" });
  return next(url, context);
}

function stripTypes(url: string): string {
  const sourcefile = fileURLToPath(url);
  return transformSync(readFileSync(sourcefile, "utf8"), {
    loader: "ts",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    sourcefile,
  }).code;
}

/** Where a module of JavaScript does not parse, `file:line:column: what`; null when it does. Node does not tell the line. */
export function syntaxFault(path: string): string | null {
  try {
    transformSync(readFileSync(path, "utf8"), {
      loader: "js",
      format: "esm",
      sourcefile: path,
      logLevel: "silent",
    });
    return null;
  } catch (error) {
    const [fault] = (error as { readonly errors?: readonly Message[] }).errors ?? [];
    if (!fault?.location) return null;
    const { file, line, column } = fault.location;
    return `${file}:${line}:${column + 1}: ${fault.text}`;
  }
}
