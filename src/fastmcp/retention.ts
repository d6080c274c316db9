const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
] as const;

/** How long references last, for a description: `for 1 hour`, `for 90 minutes`, `until deleted`. */
export function describeRetention(ttl: number | null): string {
  if (ttl === null) return "until deleted";
  const [name, length] = UNITS.find(([, unit]) => ttl >= unit && ttl % unit === 0) ?? ["second", 1000];
  const count = Math.max(1, Math.round(ttl / length));
  return `for ${count} ${name}${count === 1 ? "" : "s"}`;
}
