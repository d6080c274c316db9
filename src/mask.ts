/** Enough of a reference to find it by, too little to use it: `calculator:1a2b…`. */
export function maskReference(refId: string): string {
  const colon = refId.indexOf(":");
  return `${refId.slice(0, colon + 5)}…`;
}
