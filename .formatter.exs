[
  inputs: ["{mix,.formatter}.exs", "{config,lib,test,bench}/**/*.{ex,exs}"],
  # FormdbHttp.Native.Twins
  locals_without_parens: [nif: 1, nif: 2]
]
