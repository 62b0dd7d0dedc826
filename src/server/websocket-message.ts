/** A text message as a server sends it: one final frame, not masked (RFC 6455 §5.2). */
export const textMessage = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const message = Buffer.allocUnsafe(start + length)
  // FIN and the opcode of text.
  message[0] = 0x81
  if (start === 2) {
    message[1] = length
  } else if (start === 4) {
    message[1] = 126
    message.writeUInt16BE(length, 2)
  } else {
    message[1] = 127
    message.writeUInt32BE(0, 2)
    message.writeUInt32BE(length, 6)
  }
  message.write(text, start, 'utf8')
  return message
}
