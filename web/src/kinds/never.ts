/** The end of a `switch` that has a case for everything: the type checker names what is missing. */
export function never(value: never): never {
  throw new Error(`there is no case for ${JSON.stringify(value)}`);
}
