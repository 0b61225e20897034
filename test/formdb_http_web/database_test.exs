defmodule FormdbHttpWeb.DatabaseTest do
  use ExUnit.Case

  import FormdbHttp.HTTPClient

  alias FormdbHttp.Config
  alias FormdbHttpWeb.Endpoint

  @databases "/api/v1/databases"

  setup do
    start_supervised!({Endpoint, Config.load!()})
    name = "database_#{System.unique_integer([:positive])}"
    on_exit(fn -> FormdbHttp.purge(name) end)
    {:ok, port: Endpoint.port(), name: name}
  end

  test "the first POST creates, the next one finds", %{port: port, name: name} do
    response = post(port, @databases, %{name: name})
    assert response.status == 201
    assert response.headers["location"] == "#{@databases}/#{name}"
    assert %{"id" => ^name, "seq" => 0, "status" => "open", "features" => 0} = json(response)
    refute Map.has_key?(json(response), "created")

    {:ok, _} =
      FormdbHttp.put_feature(name, ~s({"type":"Feature","geometry":null,"properties":{}}))

    response = post(port, @databases, %{name: name})
    assert response.status == 200
    refute Map.has_key?(response.headers, "location")
    assert %{"id" => ^name, "seq" => 1, "features" => 1} = json(response)
  end

  test "without a name one is made up", %{port: port} do
    for body <- [nil, "", "{}"] do
      response = request(port, "POST", @databases, body: body)
      assert response.status == 201
      %{"id" => "db_" <> _ = name} = json(response)
      assert response.headers["location"] == "#{@databases}/#{name}"
      :ok = FormdbHttp.purge(name)
    end
  end

  test "bodies that are not a name are refused", %{port: port, name: name} do
    for {body, code, pointer} <- [
          {"{", "invalid_json", ""},
          {"{\"name\":\"a\"} x", "invalid_json", ""},
          {"{'name':'a'}", "invalid_json", ""},
          {"\xFF", "invalid_json", ""},
          {"[]", "invalid_json", ""},
          {"\"#{name}\"", "invalid_json", ""},
          {"null", "invalid_json", ""},
          {~s({"name":1}), "invalid_name", "/name"},
          {~s({"name":null}), "invalid_name", "/name"},
          {~s({"nam":"#{name}"}), "invalid_body", "/nam"},
          {~s({"name":"#{name}","a/b~":1}), "invalid_body", "/a~1b~0"}
        ] do
      response = post(port, @databases, body)
      assert {body, response.status} == {body, 400}
      assert %{"code" => ^code, "pointer" => ^pointer} = json(response)
    end

    assert get(port, "#{@databases}/#{name}").status == 404
  end

  test "names that cannot be one are refused", %{port: port} do
    for bad <- ["", "Upper", "../etc", "a/b", "-a", "_a", "a b", "ü", String.duplicate("a", 64)] do
      response = post(port, @databases, %{name: bad})
      assert {bad, response.status} == {bad, 400}
      assert json(response)["code"] == "invalid_name"

      path = "#{@databases}/#{URI.encode(bad, &URI.char_unreserved?/1)}"

      if bad != "" do
        assert get(port, path).status == 404
        assert delete(port, path).status == 404
        assert delete(port, path <> "?purge=true").status in [400, 404]
      end
    end

    longest = "a" <> String.duplicate("b", 62)
    assert post(port, @databases, %{name: longest}).status == 201
    assert delete(port, "#{@databases}/#{longest}?purge=true").status == 200
  end

  test "a body far beyond any name is not read", %{port: port} do
    response = post(port, @databases, String.duplicate("[", 5_000))
    assert response.status == 413
    assert json(response)["detail"] =~ "4096"
  end

  test "the list has every database with its status", %{port: port, name: name} do
    post(port, @databases, %{name: name})
    assert %{"id" => name, "status" => "open"} in json(get(port, @databases))["databases"]
    :ok = FormdbHttp.close(name)
    databases = json(get(port, @databases))["databases"]
    assert %{"id" => name, "status" => "closed"} in databases
    assert databases == Enum.sort_by(databases, & &1["id"])
  end

  test "DELETE closes, POST opens again with everything in it", %{port: port, name: name} do
    path = "#{@databases}/#{name}"
    post(port, @databases, %{name: name})
    feature = ~s({"type":"Feature","id":"a","geometry":null,"properties":{}})
    assert post(port, path <> "/features", feature).status == 201

    response = delete(port, path)
    assert {response.status, json(response)} == {200, %{"id" => name, "closed" => true}}

    response = get(port, path)
    assert {response.status, json(response)} == {200, %{"id" => name, "status" => "closed"}}
    assert get(port, path <> "/features/a").status == 404
    assert delete(port, path).status == 404

    response = post(port, @databases, %{name: name})
    assert {response.status, json(response)["seq"]} == {200, 1}
    assert get(port, path <> "/features/a").status == 200
  end

  test "DELETE with purge removes, open or closed", %{port: port, name: name} do
    path = "#{@databases}/#{name}"

    for close? <- [false, true] do
      assert post(port, @databases, %{name: name}).status == 201
      if close?, do: assert(delete(port, path).status == 200)
      response = delete(port, path <> "?purge=true")
      assert {response.status, json(response)} == {200, %{"id" => name, "purged" => true}}
      assert get(port, path).status == 404
      refute File.exists?(Path.join(Config.load!().data_dir, name))
    end

    response = delete(port, path <> "?purge=true")
    assert {response.status, json(response)["code"]} == {404, "database_not_found"}
  end

  test "purge is true or left out", %{port: port, name: name} do
    post(port, @databases, %{name: name})

    for value <- ["false", "1", "TRUE", "", "yes"] do
      response = delete(port, "#{@databases}/#{name}?purge=#{value}")
      assert {value, response.status} == {value, 400}
      assert %{"code" => "invalid_parameter", "pointer" => "/purge"} = json(response)
    end

    assert delete(port, "#{@databases}/#{name}?purge").status == 400
    assert json(get(port, "#{@databases}/#{name}"))["status"] == "open"
  end

  test "one that does not exist is not found, whatever is asked of it", %{port: port, name: name} do
    path = "#{@databases}/#{name}"

    for response <- [
          get(port, path),
          delete(port, path),
          get(port, path <> "/features/a"),
          get(port, path <> "/features?bbox=0,0,1,1"),
          post(port, path <> "/features", ~s({"type":"Feature","geometry":null,"properties":{}})),
          post(port, path <> "/timeseries", ~s({"series_id":"s","timestamp":1,"value":1})),
          get(port, path <> "/timeseries/s"),
          get(port, path <> "/timeseries/s/latest")
        ] do
      assert response.status == 404
      assert response.headers["content-type"] == "application/problem+json"
      assert json(response)["code"] == "database_not_found"
    end
  end
end
