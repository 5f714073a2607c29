/** The server's addresses, and what they take and answer, as its own description says. */
import type { paths } from "../model/contract";

type Address = keyof paths;
type Json<Of> = Of extends { content: { "application/json": infer Content } } ? Content : never;
type Good<Operation> = Operation extends { responses: infer All } ? All[keyof All & (200 | 202)] : never;

type InBraces<A extends string> = A extends `${string}{${infer Name}}${infer Rest}` ? Name | InBraces<Rest> : never;

/** The names that stand in braces in an address. */
export type Names<A extends string> = Readonly<Record<InBraces<A>, string>>;

export type AddressOf<Method extends "get" | "post" | "delete"> = {
  [A in Address]: paths[A] extends Record<Method, object> ? A : never;
}[Address];

/** What a good answer holds as JSON. */
export type Answer<A extends Address, Method extends "get" | "post"> = Json<Good<paths[A][Method]>>;

/** What is sent as JSON. */
export type Body<A extends AddressOf<"post">> = paths[A]["post"] extends { requestBody: infer Of } ? Json<Of> : never;

/** The parameters behind the question mark. */
export type Query<A extends AddressOf<"get">> = paths[A]["get"] extends { parameters: { query?: infer Of extends object } }
  ? Of
  : never;

/** An address with its names put in, relative to the page's own. */
export function address<A extends Address>(
  template: A,
  names: Names<A>,
  query: object = {},
): string {
  const values: Readonly<Record<string, string>> = names;
  const path = template.slice(1).replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name]!));
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  return search.size ? `${path}?${search}` : path;
}
