import type * as api from 'holdfast'

declare global {
  /** What `<script src="/holdfast.min.js">` puts into a page. */
  const holdfast: typeof api
}
