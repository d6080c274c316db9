/** A row as databases and web services give it. */
export interface Row {
  readonly id: number;
  readonly name: string;
  readonly price: number;
  readonly city: string;
  readonly stock: number;
}

const CITIES = ["Wien", "Oslo", "Lisboa", "Kraków", "Utrecht", "Bern", "Porto", "Gent"];

/** So many rows of five fields: whole numbers, fractions, short texts. Always the same ones. */
export function rows(count: number): Row[] {
  return Array.from({ length: count }, (_, n) => ({
    id: n,
    name: `Item ${(n * 7919) % 10_007}`,
    price: ((n * 104_729) % 999_983) / 1000,
    city: CITIES[n % CITIES.length] ?? "",
    stock: (n * 31) % 500,
  }));
}

/** As many rows as make about so many characters of JSON text. */
export function rowsOfSize(characters: number): Row[] {
  const sample = rows(1000);
  const each = JSON.stringify(sample).length / sample.length;
  return rows(Math.round(characters / each));
}

/** A size of value by the name it has in the table. */
export interface Size {
  readonly name: string;
  readonly characters: number;
}

/** Sizes at which the work around a value shows, and does not yet take long. */
export const SMALL_SIZES: readonly Size[] = [
  { name: "1 KB", characters: 1000 },
  { name: "100 KB", characters: 100_000 },
];

/** A size at which the value itself is all that counts. */
export const LARGE_SIZE: Size = { name: "10 MB", characters: 10_000_000 };

/** A list of which one page is a small part: 7 MB of text. */
export const MANY_ROWS = { name: "100,000 rows", make: () => rows(100_000) };
