defmodule ShipsWeb.Layouts do
  use Phoenix.Component

  def root(assigns) do
    ~H"""
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="csrf-token" content={Plug.CSRFProtection.get_csrf_token()} />
        <title>Ships</title>
        <script defer src="/js/phoenix.min.js">
        </script>
        <script defer src="/js/phoenix_live_view.min.js">
        </script>
        <script type="module">
          const token = document.querySelector("meta[name='csrf-token']").content
          new LiveView.LiveSocket("/live", Phoenix.Socket, {params: {_csrf_token: token}}).connect()
        </script>
        <style>
          body { font: 16px system-ui, sans-serif; margin: 1rem }
          svg { width: 100%; max-height: 80vh; background: #dce9f2 }
          text { font-size: .04px }
        </style>
      </head>
      <body><%= @inner_content %></body>
    </html>
    """
  end
end

defmodule ShipsWeb.ErrorHTML do
  def render(template, _assigns), do: Phoenix.Controller.status_message_from_template(template)
end
