use super::*;

fn table(header: &str, series: Option<&str>) -> Result<Table> {
    let form = TableReading {
        series: series.map(str::to_owned),
        ..TableReading::default()
    };
    let budget = Budget::ample();
    Table::new(header.as_bytes(), &form, &Limits::default(), &budget)
}

fn rows(header: &str, series: Option<&str>, row: &str) -> Result<Vec<(String, i64, f64)>> {
    let mut table = table(header, series)?;
    let budget = Budget::ample();
    let (cells, _) = table.points(row.as_bytes(), &budget)?;
    Ok(cells
        .into_iter()
        .map(|(s, t, v)| (s.to_owned(), t, v))
        .collect())
}

#[test]
fn three_shapes() {
    let one = rows("timestamp,value", Some("a"), "1970-01-01T00:00:01Z,1.5").unwrap();
    assert_eq!(one, [("a".into(), 1_000_000, 1.5)]);
    let long = rows(
        "value, series_id ,timestamp",
        None,
        "-2,\"a,\"\"b\",1970-01-02",
    )
    .unwrap();
    assert_eq!(long, [("a,\"b".into(), 86_400_000_000, -2.0)]);
    let wide = rows("timestamp,a,b,c", None, "1970-01-01,1,,3e2").unwrap();
    assert_eq!(wide, [("a".into(), 0, 1.0), ("c".into(), 0, 300.0)]);
    assert_eq!(rows("timestamp,a", None, "not read,").unwrap(), []);
}

#[test]
fn cells_without_a_value_leave_the_others_of_their_row() {
    let form = TableReading {
        missing: MissingValues::parse("NA,-999").unwrap(),
        ..TableReading::default()
    };
    let budget = Budget::ample();
    let mut table = Table::new(b"timestamp,a,b,c", &form, &Limits::default(), &budget).unwrap();
    let mut points = |row: &str| -> Result<Vec<(String, f64)>> {
        let (cells, _) = table.points(row.as_bytes(), &budget)?;
        Ok(cells
            .iter()
            .map(|(s, _, v)| ((*s).to_owned(), *v))
            .collect())
    };
    let both = [("a".to_owned(), 1.0), ("c".to_owned(), 2.0)];
    for gap in ["", "NA", " NA ", "\"NA\"", "-999", "-999.0", "-9.99e2"] {
        assert_eq!(
            points(&format!("1970-01-01,1,{gap},2")).unwrap(),
            both,
            "{gap}"
        );
    }
    assert_eq!(points("not read,NA,,-999").unwrap(), []);
    for (cell, said) in [
        ("n/a", "missing=n/a"),
        ("-", "missing=-"),
        ("na", "missing=na"),
        ("not known", "the parameter missing"),
    ] {
        let error = points(&format!("1970-01-01,1,{cell},2"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("column \"b\"") && error.contains(said),
            "{error}"
        );
    }
    for cell in ["1e999", "1.2.3", "9007199254740993"] {
        let error = points(&format!("1970-01-01,1,{cell},2"))
            .unwrap_err()
            .to_string();
        assert!(!error.contains("missing"), "{error}");
    }
    assert_eq!(table.gaps(), 7 + 3);
}

#[test]
fn a_mark_in_an_id_is_a_part_of_it() {
    let header = "series_id,timestamp,value";
    let mut table = table(header, None).unwrap();
    let budget = Budget::ample();
    for row in [
        "\u{feff}a,0,1",
        "\u{feff}a,bad,1",
        "\u{feff}a,0,1",
        "\u{feff}a,0,1,2",
        "\u{feff}a,0,1",
    ] {
        let row = row.replace(",0,", ",1970-01-01,");
        if let Ok(cells) = table.points(row.as_bytes(), &budget) {
            assert_eq!(cells.0, [("\u{feff}a", 0, 1.0)]);
        }
    }
}

#[test]
fn no_more_fields_are_kept_than_there_may_be() {
    let limits = Limits {
        page_items: 10,
        ..Limits::default()
    };
    let (form, budget) = (TableReading::default(), Budget::ample());
    let header = |count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("s{i}")).collect();
        format!("timestamp,{}", names.join(","))
    };
    let mut table = Table::new(header(10).as_bytes(), &form, &limits, &budget).unwrap();
    let error = Table::new(header(11).as_bytes(), &form, &limits, &budget).unwrap_err();
    assert!(error.to_string().contains("FORMDB_PAGE_ITEMS"), "{error}");
    let commas = ",".repeat(1 << 22);
    let error = table.points(commas.as_bytes(), &budget).unwrap_err();
    assert!(error.to_string().contains("more than 11 fields"), "{error}");
    assert!(table.row.bytes() < (1 << 22) + 1_024);
    let row = format!("1970-01-01{}", ",1".repeat(10));
    assert_eq!(table.points(row.as_bytes(), &budget).unwrap().0.len(), 10);
    // The room for the long row is gone.
    assert!(table.bytes() < 4_096, "{}", table.bytes());
}

#[test]
fn a_row_is_given_up_when_nobody_waits() {
    let memory = crate::mem::Memory::new(&Limits::default());
    let header = format!(
        "timestamp,{}",
        (0..1_000)
            .map(|i| format!("s{i}"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let mut table = table(&header, None).unwrap();
    let cancel = crate::budget::Cancel::default();
    cancel.cancel();
    let budget = Budget::without_end(&memory, cancel);
    let row = format!("1970-01-01{}", ",1".repeat(1_000));
    assert!(matches!(
        table.points(row.as_bytes(), &budget),
        Err(Error::Cancelled)
    ));
    let again = Table::new(
        header.as_bytes(),
        &TableReading::default(),
        &Limits::default(),
        &budget,
    );
    assert!(matches!(again, Err(Error::Cancelled)));
}

#[test]
fn what_a_number_is() {
    let number = |text: &str| rows("timestamp,value", Some("a"), &format!("1970-01-01,{text}"));
    for (text, expected) in [
        ("1", 1.0),
        ("+1", 1.0),
        ("-1", -1.0),
        ("007", 7.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E+3", 1_000.0),
        (" 2 ", 2.0),
        ("0e-400", 0.0),
        ("18446744073709551616.0", 18_446_744_073_709_551_616.0),
        ("9223372036854775808", 9_223_372_036_854_775_808.0),
        ("5e-324", 5e-324),
    ] {
        let found = number(text).unwrap();
        assert_eq!(found, [("a".to_owned(), 0, expected)], "{text}");
    }
    for zero in ["-0", "-0.0"] {
        let found = number(zero).unwrap();
        let [(_, _, value)] = found.as_slice() else {
            panic!("{zero}")
        };
        assert!(*value == 0.0 && value.is_sign_negative(), "{zero}");
    }
    for (text, part) in [
        ("1e-400", "would be 0"),
        ("-1e-400", "would be 0"),
        ("1e400", "finite"),
        ("-1e400", "finite"),
        ("18446744073709551616", "beyond 64 bits"),
        (
            "123456789012345678901234567890123456789012345",
            "beyond 64 bits",
        ),
        ("18446744073709551615", "a double does not hold"),
        ("0x10", "expected a number"),
        ("1_000", "expected a number"),
        ("inf", "expected a number"),
        ("Infinity", "expected a number"),
        ("NaN", "expected a number"),
        ("1e", "expected a number"),
        (".", "expected a number"),
        ("-", "expected a number"),
        ("1 2", "expected a number"),
        ("1,5", "3 fields"),
    ] {
        let error = number(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn quotes_that_do_not_go_around_a_field_are_refused() {
    for row in ["1970-01-01,a\",\"b", "1970-01-01,\"1"] {
        let error = rows("timestamp,value", Some("a"), row).unwrap_err();
        assert!(error.to_string().contains("a quote in the line"), "{error}");
    }
}

#[test]
fn names_are_what_stands_in_their_quotes_or_what_has_no_blanks_around_it() {
    let named = |header: &str| -> Vec<String> {
        let cells = rows(header, None, "1970-01-01,1,2").unwrap();
        cells.into_iter().map(|(name, _, _)| name).collect()
    };
    assert_eq!(named("timestamp,\"a\", b"), ["a", "b"]);
    assert_eq!(named("timestamp,\" a\",\tb "), [" a", "b"]);
    assert_eq!(
        named("timestamp,\"a,\"\"x\",5\" \"pipe\""),
        ["a,\"x", "5\" \"pipe\""]
    );
    for header in [
        "timestamp, \"a\",b",
        "timestamp,\"a\" ,b",
        "timestamp,\"a\"x,b",
        "timestamp,b,\"a\"\t",
    ] {
        let error = table(header, None).unwrap_err().to_string();
        assert!(error.contains("around the quotes of field"), "{error}");
    }
    let long = "series_id,timestamp,value";
    let error = rows(long, None, " \"a\",1970-01-01,1").unwrap_err();
    assert!(error.to_string().contains("field 1"), "{error}");
    // Blanks beside a value change nothing.
    let value = rows(long, None, "a,\"1970-01-01\" ,\"1\" ").unwrap();
    assert_eq!(value, [("a".to_owned(), 0, 1.0)]);
}

#[test]
fn headers_that_have_none_of_them() {
    for (columns, series, part) in [
        ("timestamp,value", None, "give the parameter series_id"),
        ("timestamp,value,unit", Some("a"), "column \"unit\""),
        ("series_id,timestamp", None, "no column is called value"),
        (
            "series_id,timestamp,value",
            Some("a"),
            "leave one of them out",
        ),
        ("time,value", Some("a"), "no column is called timestamp"),
        ("timestamp", None, "no column besides timestamp"),
        ("timestamp;value", Some("a"), "with commas between"),
        ("timestamp,a,a", None, "two columns are called \"a\""),
        (
            "timestamp,a\r1970-01-01,1\r",
            None,
            "carriage return within",
        ),
    ] {
        let Err(error) = table(columns, series) else {
            panic!("{columns} was taken");
        };
        assert!(error.to_string().contains(part), "{columns}: {error}");
    }
}

#[test]
fn rows_that_are_wrong_say_where() {
    for (row, pointer, part) in [
        ("1970-01-01,1", "", "2 fields, the header 3"),
        (
            "1970-01-01,x,1",
            "/a~1c",
            "column \"a/c\": found \"x\"; expected a number",
        ),
        ("1970-01-01,1,nan", "/b", "expected a number"),
        ("1970-01-01,1,1e999", "/b", "finite"),
        (
            "1970-01-01,1,9007199254740993",
            "/b",
            "a double does not hold",
        ),
        ("yesterday,1,", "/timestamp", "expected a time"),
        ("12345678,1,", "/timestamp", "expected a time"),
        ("1970-01-01,1,\r1970-01-02,2,", "", "carriage return within"),
    ] {
        let error = rows("timestamp,a/c,b", None, row).unwrap_err();
        let Error::Invalid { pointer: found, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(found, pointer, "{row}: {error}");
        assert!(error.to_string().contains(part), "{row}: {error}");
    }
}
