//! The member `crs`, which GeoJSON had before RFC 7946: positions are in WGS 84, and
//! whatever says otherwise is refused.

use super::faults::Faults;
use super::json::{Json, Members, shown};
use crate::error::InvalidCode;

/// Names of WGS 84 with the longitude first, without prefixes and separators.
const WGS84: [&str; 6] = ["crs84", "crs84h", "4326", "4979", "wgs84", "wgs 84"];

/// Checks that a member `crs`, if there is one, names WGS 84.
pub(super) fn check_crs(members: &Members<'_, Json<'_>>, faults: &mut Faults) {
    let Some(crs) = members.get("crs") else {
        return;
    };
    let found = match name(crs) {
        Some(name) if is_wgs84(&name) => return,
        Some(name) => shown(&name),
        None => crs.kind().to_owned(),
    };
    faults.add(InvalidCode::ReferenceSystem, "/crs", || {
        format!(
            "found the coordinate reference system {found}; expected WGS 84 (such as \
             urn:ogc:def:crs:OGC:1.3:CRS84), or no member \"crs\": transform the coordinates to \
             longitude and latitude first, with ogr2ogr -t_srs EPSG:4326 for example"
        )
    });
}

/// What a reference system is called: a name, a link, or a code of EPSG.
fn name(crs: &Json<'_>) -> Option<String> {
    let Json::Obj(members) = crs else {
        return match crs {
            Json::Str(name) => Some(name.to_string()),
            _ => None,
        };
    };
    let Some(Json::Obj(properties)) = members.get("properties") else {
        return None;
    };
    ["name", "href", "code"]
        .iter()
        .find_map(|member| match properties.get(member)? {
            Json::Str(name) => Some(name.to_string()),
            Json::U64(code) => Some(code.to_string()),
            _ => None,
        })
}

/// Whether a name, such as `urn:ogc:def:crs:EPSG::4326`, is one of WGS 84: its last part
/// is.
fn is_wgs84(name: &str) -> bool {
    let name = name.trim().trim_end_matches('/').to_ascii_lowercase();
    let last = name.rsplit([':', '/', '#']).next().unwrap_or_default();
    WGS84.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Source;

    #[test]
    fn names_of_wgs_84_pass_and_all_others_are_named() {
        let faults = |crs: &str| {
            let text = format!(r#"{{"crs":{crs}}}"#);
            let Json::Obj(members) = Source::new(text.as_bytes()).unwrap().value().unwrap() else {
                panic!("an object");
            };
            let mut faults = Faults::new(10);
            check_crs(&members, &mut faults);
            faults.into_result().map_err(|e| e.to_string())
        };
        for name in [
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "urn:ogc:def:crs:OGC::CRS84",
            "urn:ogc:def:crs:EPSG::4326",
            "urn:ogc:def:crs:EPSG:6.9:4326",
            "EPSG:4326",
            "epsg:4979",
            "OGC:CRS84",
            "CRS84",
            "WGS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "http://www.opengis.net/gml/srs/epsg.xml#4326",
            "http://spatialreference.org/ref/epsg/4326/",
        ] {
            for member in ["name", "href"] {
                let crs = format!(r#"{{"type":"{member}","properties":{{"{member}":"{name}"}}}}"#);
                assert_eq!(faults(&crs), Ok(()), "{crs}");
            }
        }
        assert_eq!(faults(r#""EPSG:4326""#), Ok(()));
        assert_eq!(
            faults(r#"{"type":"EPSG","properties":{"code":4326}}"#),
            Ok(())
        );
        for (crs, named) in [
            (
                r#"{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2056"}}"#,
                "EPSG::2056",
            ),
            (r#"{"type":"EPSG","properties":{"code":3857}}"#, "3857"),
            (
                r#"{"type":"name","properties":{"name":"EPSG:14326"}}"#,
                "14326",
            ),
            (r#"{"type":"name","properties":{}}"#, "an object"),
            ("\"EPSG:3857\"", "EPSG:3857"),
            ("[]", "an array"),
            ("7", "a number"),
        ] {
            let fault = faults(crs).unwrap_err();
            assert!(fault.contains(named), "{fault}");
        }
    }
}
