/** `$(NAME)` in commands, arguments and values. `$$` is a dollar sign; an unknown name stays as it was written. */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    whole === '$$' ? '$' : (variables.get(name ?? '') ?? whole),
  );
}
