import { plainText } from '../server/logger.ts'

/** A text of unknown origin for a message: in quotation marks, short, and without what could steer a terminal. */
export const quoted = (text: string): string => `"${plainText(text)}"`
