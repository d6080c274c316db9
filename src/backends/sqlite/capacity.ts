import type { StoreCapacity } from "../backend.js";
import type { Database } from "./driver.js";

/** The size of the database file, without the WAL beside it. Entries are not counted: that would walk through them. */
export function capacityOf(database: Database | undefined): StoreCapacity {
  const bytes = database
    ?.prepare<{ bytes: number }>(
      "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
    )
    .get()?.bytes;
  return bytes === undefined ? {} : { bytes };
}
