// What a recipe declares as its own options, told by a throw-away process: the launcher itself never runs a recipe.
import { UsageError } from "../../core/errors.js";
import type { OptionRows } from "../../core/options/row.js";
import { type Answers, answerOf, type InquiryIo, inquire } from "./inquiry.js";
import { probeEnv } from "./worker-env.js";

/**
 * The rows of the recipe at this absolute path, or null when it declares none.
 * @throws UsageError when it does not load, or declares what no option can be; Interrupted.
 */
export async function describeRecipe(recipe: string, io: InquiryIo): Promise<OptionRows | null> {
  const isLast = ({ type }: { readonly type: string }) => type === "described" || type === "describe-failed";
  const question = { type: "describe", recipe } as const;
  return rowsAmong(await inquire({ question, childEnv: probeEnv(io.env, "cpu"), isLast }, io), recipe);
}

/** As {@link describeRecipe}, from the answers of a process that was asked for them among other things. */
export function rowsAmong({ answers, death }: Answers, recipe: string): OptionRows | null {
  const described = answerOf(answers, "described");
  if (described !== undefined) return described.options;
  const failed = answerOf(answers, "describe-failed");
  if (failed?.error.usage) throw new UsageError(failed.error.message);
  throw new UsageError(`the recipe ${recipe} does not load: ${failed?.error.message ?? death}`);
}
