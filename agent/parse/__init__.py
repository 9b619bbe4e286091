"""Pure parsers, one module per kernel file or format: bytes or text in, a frozen value out.

What a newer kernel adds is skipped. A known line that does not have its known form raises
`ParseError`, and nothing else is ever raised, whatever the bytes.
"""
